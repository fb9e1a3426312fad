"""Takes the images that an input brings as bytes into staging, bounded, sniffed and encoded as downloads are."""
