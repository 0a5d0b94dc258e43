"""The `ganzoo` command: one small file a command."""
