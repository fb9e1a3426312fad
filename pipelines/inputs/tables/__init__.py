"""Tables as the input: parquet, CSV, TSV and JSON, plain or compressed. Import the modules, not the room."""
