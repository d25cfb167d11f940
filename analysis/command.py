"""What the scripts that draw have in common as programs: options, missing libraries, statuses.

It stands without pandas and matplotlib, so that it can say that they are missing.
"""

import argparse
import sys

USAGE = 64
NO_LIBRARY = 69


class Parser(argparse.ArgumentParser):
    """Ends with the status of wrong usage, as the simulator does."""

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: error: {message}\n")

    def require_picture(self, path):
        """Refuses a picture's file whose name ends in no format."""
        if path.suffix not in (".png", ".svg", ".pdf"):
            self.error(f"'{path}' ends in none of .png, .svg, .pdf")


def run(name, draw, options):
    """draw(options) as the program `name`: the exit status, and errors in words."""
    try:
        import matplotlib
        import pandas
        matplotlib.use("Agg")
        del pandas
    except ImportError as error:
        print(f"{name}: error: {error}. Install the libraries with\n"
              "  sudo apt-get install -y --no-install-recommends python3-matplotlib python3-pandas\n"
              "and run this with /usr/bin/python3.", file=sys.stderr)
        return NO_LIBRARY
    import tables
    try:
        draw(options)
    except tables.Failure as failure:
        print(f"{name}: error: {failure}", file=sys.stderr)
        return failure.status
    return 0


def write_picture(figure, path):
    """Writes the figure in the format that the path ends in, and says where it is."""
    import style
    import tables
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(style.write(figure, path.suffix[1:]))
    except OSError as error:
        raise tables.Failure(tables.NO_OUTPUT, f"cannot write {error.filename or path}: "
                                               f"{error.strerror}") from error
    print(path)
