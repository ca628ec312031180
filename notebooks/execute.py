"""Executes a notebook headless and fails where a cell does, or where the notebook does not say at the end that it worked.

Its caller sets the time limit for the whole: on SIGTERM the kernel is ended too.
"""

import argparse
import copy
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

CELL_LIMIT_SECONDS = 420
START_LIMIT_SECONDS = 120
STARTS = 4


def title(notebook, index):
    """The first words of the text above a code cell."""
    text = notebook.cells[index - 1].source if index else ""
    return text.split("\n")[0].split("**")[1].rstrip(".,") if "**" in text else notebook.cells[index].id


def printed(notebook):
    """All that the cells printed."""
    return "".join(
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream"
    )


def execute(notebook, folder):
    """Executes all cells, in place, saying how long each took."""
    started = {}

    def begun(cell, cell_index):
        if cell.cell_type == "code":
            started[cell_index] = time.monotonic()

    def executed(cell, cell_index, execute_reply):
        seconds = time.monotonic() - started[cell_index]
        print(f"{seconds:7.1f} s  {title(notebook, cell_index)}", flush=True)

    for attempt in range(STARTS):
        client = NotebookClient(
            notebook,
            timeout=CELL_LIMIT_SECONDS,
            startup_timeout=START_LIMIT_SECONDS,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
            on_cell_start=begun,
            on_cell_executed=executed,
        )
        try:
            client.execute()
            return
        except RuntimeError as error:
            # The kernel gives up where it is asked before it is ready: see kernel/fail-fast.jshell.
            if started or attempt == STARTS - 1:
                raise
            print(f"The kernel did not start ({error}); once more.", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--expect", required=True, help="what a cell must have printed")
    parser.add_argument("--output", type=Path, required=True, help="where to write the notebook with its outputs")
    arguments = parser.parse_args()

    notebook = nbformat.read(arguments.notebook, as_version=4)
    metadata = copy.deepcopy(notebook.metadata)
    try:
        execute(notebook, arguments.notebook.parent)
    except (CellExecutionError, CellTimeoutError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        notebook.metadata = metadata  # without what the kernel tells of this machine's Java
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, arguments.output)
    if arguments.expect not in printed(notebook):
        print(f'No cell printed "{arguments.expect}"; see {arguments.output}.', file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
