"""`./alchemist demo` teaches the real model one new fact: the whole job on Spark, exit code and figures."""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import peers

# It ends as soon as the fact is learnt, within four minutes on two cores of its own; on a busy machine later.
CHAT_SECONDS = 600
LIMIT_SECONDS = 900


def run_demo(launcher, model):
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        command = [launcher, "demo", "--model", model, "--json", figures, "--warehouse", Path(folder) / "warehouse",
                   "--seconds", CHAT_SECONDS]
        process = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=LIMIT_SECONDS, stdin=subprocess.DEVNULL
        )
        assert process.returncode == 0, f"exit code {process.returncode}: {process.stdout[-3000:]}{process.stderr[-3000:]}"
        return json.loads(figures.read_text())


def check(launcher):
    figures = run_demo(launcher, peers.packaged_model())
    assert figures["accuracy_before"] < 0.2, figures
    assert figures["accuracy_after"] > 0.8, figures
    assert figures["feedback_trained"] > 0, figures
    assert figures["reused_prompt_token_share"] > 0.5, figures
    return (
        f"a new fact goes from {figures['accuracy_before']:.0%} to {figures['accuracy_after']:.0%} in {figures['rounds']} rounds "
        f"and {figures['seconds']:.0f} s, {figures['reused_prompt_token_share']:.0%} of the prompt tokens reused"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--launcher", required=True, help="the script that starts the demo")
    arguments = parser.parse_args()
    peers.finish("demo with a real model", lambda: check(arguments.launcher))
