"""Import checkpoints of other code; export models to other runtimes."""
