"""`python -m ganzoo`: the command, where the folder of scripts is not on the path."""

from ganzoo.cli.app import main

if __name__ == "__main__":
    main()
