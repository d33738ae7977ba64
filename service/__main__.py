"""``python -m service``: the command line without its installed script."""

from service.cli.main import main

main()
