"""What the benchmarks work on: drawn webs, photographs, mutations."""
