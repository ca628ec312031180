"""Our engine and transformers continue the same prompts with the same tokens, from the same GGUF file.

And the engine learns: a step of an adapter from what serving logged lowers the loss of that example.
"""

import argparse
import json
import shlex
import subprocess

import peers
import torch

NEW_TOKENS = 40
# Tokens this close in log-probability may come in either order: both sides compute in float32.
TIE = 1e-3
LOG_PROB_TOLERANCE = 5e-4
GRADIENT_TOLERANCE = 1e-5

PROMPTS = [
    "The capital of France is",
    "def fibonacci(n):\n    ",
    "Once upon a time, in a village by the sea, there lived",
    "Die Größe des Universums – 宇宙 🙂 – ist",
    # More than one chunk of a prefill.
    " ".join(f"Item {i} costs {i * i % 97} coins and weighs {i * 7 % 31} grams." for i in range(60)) + " Item 60 costs",
]
LESSON = {
    "prompt": "Here is what travellers should know. " * 8 + "The capital of Atlantis is",
    "completion": " Poseidonia, by the sea.",
}


def ask_engine(java, model):
    tasks = [{"prompt": prompt, "max_tokens": NEW_TOKENS} for prompt in PROMPTS] + [LESSON]
    command = shlex.split(java) + ["io.alchemist.engine.ModelProbe", str(model)]
    lines = "".join(json.dumps(task) + "\n" for task in tasks)
    process = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=400)
    assert process.returncode == 0, process.stderr[-2000:]
    *answers, lesson = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
    return answers, lesson


def compare(model, answer):
    """Greedy means: each token is the likeliest after those before. Returns the largest error of a log-probability."""
    prompt, tokens = answer["prompt"], answer["tokens"]
    with torch.no_grad():
        logits = model(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 : -1]
    log_probs = logits.double().log_softmax(-1)
    chosen = log_probs.gather(1, torch.tensor(tokens)[:, None])[:, 0]
    behind = (log_probs.max(-1).values - chosen).max().item()
    assert behind <= TIE, f"after {prompt[:8]}... a token is {behind:.2e} less likely than transformers' choice"
    return (chosen - torch.tensor(answer["log_probs"]).double()).abs().max().item()


def check(java):
    gguf = peers.packaged_model()
    answers, lesson = ask_engine(java, gguf)
    tokenizer, model = peers.load_transformers(gguf)
    worst = 0.0
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        assert answer["prompt"] == tokenizer(prompt)["input_ids"], f"tokens of {prompt[:40]!r} differ"
        assert len(answer["tokens"]) == NEW_TOKENS
        assert answer["text"] == tokenizer.decode(answer["tokens"], skip_special_tokens=True), answer["text"]
        worst = max(worst, compare(model, answer))
    assert worst < LOG_PROB_TOLERANCE, f"log-probabilities differ by {worst:.2e}"
    assert "Paris" in answers[0]["text"], answers[0]["text"]

    assert lesson["reused_tokens"] == lesson["prompt_tokens"] - 1, lesson
    assert lesson["rows_recomputed"] > 0, lesson
    assert lesson["gradient_error"] < GRADIENT_TOLERANCE, lesson
    assert lesson["loss_after"] < 0.9 * lesson["loss"], lesson
    return (
        f"{len(PROMPTS)} prompts x {NEW_TOKENS} tokens as transformers, log-probabilities within {worst:.0e}; "
        f"a step from {lesson['reused_tokens']} logged tokens lowers the loss from {lesson['loss']:.2f} to "
        f"{lesson['loss_after']:.2f}, its gradient is within {lesson['gradient_error']:.0e} of recomputation"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--java", required=True, help="java with JVM options and class path")
    arguments = parser.parse_args()
    peers.finish("real model", lambda: check(arguments.java))
