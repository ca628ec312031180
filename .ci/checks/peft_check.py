"""What our trainer writes, peft and transformers load with the same results; and torch trains the same adapter."""

import argparse
import json
import shlex
import subprocess
import tempfile
from pathlib import Path

import peers
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

STEPS = 5
LEARNING_RATE = 1e-2
CLIP_NORM = 1.0
ABSOLUTE = 1e-4
RELATIVE = 1e-5
# Adam divides small gradients by their own size, so it magnifies rounding.
TRAINING = 1e-4


def load(directory):
    return LlamaForCausalLM.from_pretrained(directory, attn_implementation="eager", dtype=torch.float32)


def difference(what, model, examples, expected):
    """Compares all log-probabilities along each example; returns the largest relative error."""
    worst = 0.0
    for example, ours in zip(examples, expected, strict=True):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([example["tokens"]])).logits[0]
        theirs = logits.double().log_softmax(-1).flatten()
        error = (torch.tensor(ours).double() - theirs).abs()
        relative = (error.norm() / theirs.norm()).item()
        assert error.max() < ABSOLUTE and relative < RELATIVE, f"{what}: {error.max():.1e}, {relative:.1e} relative"
        worst = max(worst, relative)
    return worst


def train(model, parameters, examples):
    """The steps our trainer took: AdamW without decay on the mean loss of a weighted token."""
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
    total_weight = sum(abs(weight) for example in examples for weight in example["weights"])
    for _ in range(STEPS):
        loss = 0
        for example in examples:
            tokens = torch.tensor(example["tokens"])
            log_probs = model(input_ids=tokens[None, :-1]).logits[0].log_softmax(-1)
            chosen = log_probs.gather(1, tokens[1:, None])[:, 0]
            loss = loss - (torch.tensor(example["weights"][1:]) * chosen).sum()
        optimizer.zero_grad()
        (loss / total_weight).backward()
        torch.nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimizer.step()


def trained_difference(what, ours, theirs):
    """The norm of the difference of all matrices over the norm of what training changed or began with."""
    assert set(ours) == set(theirs), f"{what}: other matrices: {set(ours) ^ set(theirs)}"
    error = sum((ours[name] - theirs[name]).double().norm() ** 2 for name in ours) ** 0.5
    norm = sum(ours[name].double().norm() ** 2 for name in ours) ** 0.5
    relative = (error / norm).item()
    assert relative < TRAINING, f"{what}: trained values differ by {relative:.1e}"
    return relative


def check(java, golden):
    examples = json.loads((golden / "examples.json").read_text())
    start = golden / "adapter-all"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = shlex.split(java) + ["io.alchemist.engine.TrainGolden", golden, start, STEPS, out]
        process = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=200)
        assert process.returncode == 0, process.stderr[-2000:]

        def ours(name):
            return json.loads((out / f"{name}.json").read_text())

        base = difference("base model", load(out / "base"), examples, ours("base"))
        adapted = PeftModel.from_pretrained(load(out / "base"), out / "adapter")
        lora = difference("adapter", adapted, examples, ours("adapter"))
        whole = difference("whole model", load(out / "whole"), examples, ours("whole"))

        peft = PeftModel.from_pretrained(load(golden), start, is_trainable=True)
        matrices = {n.replace(".default", ""): p for n, p in peft.named_parameters() if p.requires_grad}
        train(peft, list(matrices.values()), examples)
        saved = load_file(out / "adapter" / "adapter_model.safetensors")
        lora_training = trained_difference("adapter", saved, {n: p.detach() for n, p in matrices.items()})

        model = load(golden)
        train(model, list(model.parameters()), examples)
        saved = load_file(out / "whole" / "model.safetensors")
        whole_training = trained_difference("whole model", saved, {n: p.detach() for n, p in model.named_parameters()})
    return (
        f"logits of our directories in transformers and peft within {max(base, lora, whole):.0e}; "
        f"after {STEPS} steps torch's adapter is within {lora_training:.0e} of ours, its whole model {whole_training:.0e}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--java", required=True, help="java with JVM options and class path")
    parser.add_argument("--golden", required=True, type=Path, help="a golden model with an adapter")
    arguments = parser.parse_args()
    peers.finish("peft", lambda: check(arguments.java, arguments.golden))
