"""Writes small random models with what PyTorch computes from them, for GoldenModelTest.

    python llama_golden.py src/test/resources/io/alchemist/model/golden

Needs torch, transformers, peft and safetensors. For each variant of the model a Hugging Face directory, with

    examples.json          token sequences and the weight of each token in the loss
    expected.safetensors   logits.<example> (tokens, vocabulary); loss; gradient.<parameter>
    adapter-<name>/        a PEFT directory, with an expected.safetensors of its own for the model with this adapter

Expectations are computed in float64 by the few lines of `Llama` below, because transformers computes norms and rotary
angles in float32 whatever the model's type is. What transformers and peft compute from the written files is compared with
them before anything is kept.
"""

import argparse
import json
import math
import shutil
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

VOCABULARY = 61
# Of the norm of the difference: transformers computes in float32.
LIBRARY_TOLERANCE = 2e-5

ATTENTION = ["q_proj", "v_proj"]
ALL_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

VARIANTS = {
    "plain": dict(
        num_hidden_layers=3,
        head_dim=8,
        tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    ),
    "tied": dict(
        num_hidden_layers=2,
        head_dim=6,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 700.0},
    ),
    # Of the four wave lengths of a head one is kept, one is interpolated and two are stretched.
    "llama3": dict(
        num_hidden_layers=2,
        head_dim=8,
        tie_word_embeddings=True,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 500.0,
            "factor": 4.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
    ),
}
ADAPTERS = {
    "plain": {
        "attention": dict(r=2, lora_alpha=5, target_modules=ATTENTION),
        "all": dict(r=3, lora_alpha=4, target_modules=ALL_LINEAR),
    },
    "llama3": {"all": dict(r=4, lora_alpha=8, target_modules=ALL_LINEAR)},
}


class Llama:
    """The model in float64, written out: pre-norm layers, grouped-query attention, rotary positions, SwiGLU."""

    def __init__(self, config, weights, lora=None, scale=0.0):
        self.config = config
        self.weights = weights
        self.lora = lora or {}
        self.scale = scale

    def linear(self, name, x):
        y = x @ self.weights[name + ".weight"].T
        a = self.lora.get(f"base_model.model.{name}.lora_A.weight")
        if a is not None:
            b = self.lora[f"base_model.model.{name}.lora_B.weight"]
            y = y + self.scale * (x @ a.T) @ b.T
        return y

    def norm(self, name, x):
        mean_square = (x * x).mean(-1, keepdim=True)
        return x / torch.sqrt(mean_square + self.config.rms_norm_eps) * self.weights[name + ".weight"]

    def frequencies(self):
        rope = self.config.rope_parameters
        half = self.config.head_dim // 2
        frequency = rope["rope_theta"] ** (-torch.arange(half, dtype=torch.float64) / half)
        if rope["rope_type"] == "default":
            return frequency
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        waves = rope["original_max_position_embeddings"] * frequency / (2 * math.pi)
        keep = ((waves - low) / (high - low)).clamp(0, 1)
        assert (keep == 0).any() and (keep == 1).any() and ((keep > 0) & (keep < 1)).any()
        return keep * frequency + (1 - keep) * frequency / rope["factor"]

    def rotate(self, x):
        """Turns the pairs (i, i + half) of each head; x is (tokens, heads, width)."""
        angle = torch.arange(x.shape[0], dtype=torch.float64)[:, None] * self.frequencies()
        cos, sin = angle.cos()[:, None, :], angle.sin()[:, None, :]
        first, second = x.chunk(2, -1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)

    def attention(self, layer, x):
        c, n = self.config, x.shape[0]
        q, k, v = (
            self.linear(f"{layer}.self_attn.{name}_proj", x).view(n, -1, c.head_dim) for name in ("q", "k", "v")
        )
        q, k = self.rotate(q), self.rotate(k)
        group = c.num_attention_heads // c.num_key_value_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        scores = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(c.head_dim)
        future = torch.ones(n, n, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(future, -math.inf).softmax(-1)
        return self.linear(f"{layer}.self_attn.o_proj", torch.einsum("hqk,khd->qhd", weights, v).reshape(n, -1))

    def feed_forward(self, layer, x):
        gate = self.linear(f"{layer}.mlp.gate_proj", x)
        return self.linear(f"{layer}.mlp.down_proj", gate * gate.sigmoid() * self.linear(f"{layer}.mlp.up_proj", x))

    def logits(self, tokens):
        x = self.weights["model.embed_tokens.weight"][tokens]
        for i in range(self.config.num_hidden_layers):
            layer = f"model.layers.{i}"
            x = x + self.attention(layer, self.norm(f"{layer}.input_layernorm", x))
            x = x + self.feed_forward(layer, self.norm(f"{layer}.post_attention_layernorm", x))
        x = self.norm("model.norm", x)
        head = "model.embed_tokens" if self.config.tie_word_embeddings else "lm_head"
        return self.linear(head, x)


def make_examples(seed):
    """Some share a prefix; weights are of several sizes, also negative."""
    random = torch.Generator().manual_seed(seed)

    def tokens(count):
        return torch.randint(0, VOCABULARY, (count,), generator=random).tolist()

    shared = tokens(9)
    examples = []
    for prompt, weights in (
        (shared + tokens(2), [1, 1, 1, 1, 1]),
        (shared + tokens(13), [0.5, 0, 2, 1]),
        (tokens(3), [1, -0.25, 0.75]),
        (shared, [1]),
        (tokens(40), [1, 1, 0.125]),
    ):
        completion = tokens(len(weights))
        examples.append({"tokens": prompt + completion, "weights": [0] * len(prompt) + weights})
    return examples


def weighted_loss(logits, example):
    log_probabilities = logits[:-1].log_softmax(-1)
    targets = torch.tensor(example["tokens"][1:])
    weights = torch.tensor(example["weights"][1:], dtype=logits.dtype)
    return -(weights * log_probabilities.gather(1, targets[:, None])[:, 0]).sum()


def expectations(compute, trained, examples):
    """Logits, loss and gradients by name. `compute` maps tokens to logits, `trained` names the leaves."""
    expected, loss = {}, 0
    for i, example in enumerate(examples):
        logits = compute(torch.tensor(example["tokens"]))
        expected[f"logits.{i}"] = logits.detach()
        loss = loss + weighted_loss(logits, example)
    names, leaves = zip(*sorted(trained.items()))
    for name, gradient in zip(names, torch.autograd.grad(loss, leaves)):
        expected[f"gradient.{name}"] = gradient
    expected["loss"] = loss.detach().reshape(1)
    return expected


def check(what, exact, library):
    """That the library says the same, as far as float32 goes."""
    worst = 0.0
    for name, value in exact.items():
        error = (value - library[name].double()).norm() / value.norm()
        assert error < LIBRARY_TOLERANCE, f"{what}: {name} differs by {error:.2e}"
        worst = max(worst, error.item())
    print(f"{what}: {len(exact)} tensors, the library differs by {worst:.1e} at most")


def leaves(tensors):
    return {name: tensor.double().requires_grad_() for name, tensor in tensors.items()}


def randomise(parameters, random, scale):
    """Matrices whose outputs are about `scale` times as large as their inputs; gains around 1."""
    for name, parameter in parameters:
        if parameter.dim() == 1:
            parameter.data = 1 + 0.2 * torch.randn(parameter.shape, generator=random)
        else:
            parameter.data = torch.randn(parameter.shape, generator=random) * scale / math.sqrt(parameter.shape[1])


def write_model(directory, name, seed):
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=24,
        intermediate_size=40,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        rms_norm_eps=1e-5,
        bos_token_id=0,
        eos_token_id=1,
        **VARIANTS[name],
    )
    model = LlamaForCausalLM._from_config(config, attn_implementation="eager", dtype=torch.float32)
    randomise(model.named_parameters(), torch.Generator().manual_seed(seed), scale=1.2)
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)

    examples = make_examples(seed)
    lines = ",\n".join(json.dumps(example) for example in examples)
    (directory / "examples.json").write_text(f"[\n{lines}\n]\n")

    weights = leaves(load_file(directory / "model.safetensors"))
    exact = expectations(Llama(config, weights).logits, weights, examples)
    library = LlamaForCausalLM.from_pretrained(directory, attn_implementation="eager", dtype=torch.float32)
    trained = dict(library.named_parameters())
    check(name, exact, expectations(lambda ids: library(ids[None]).logits[0], trained, examples))
    save(exact, directory / "expected.safetensors")

    frozen = {key: value.detach() for key, value in weights.items()}
    for adapter, settings in ADAPTERS.get(name, {}).items():
        write_adapter(directory, f"adapter-{adapter}", settings, config, frozen, examples, seed)


def write_adapter(model_directory, name, settings, config, frozen, examples, seed):
    directory = model_directory / name
    base = LlamaForCausalLM.from_pretrained(model_directory, attn_implementation="eager", dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **settings))
    # Larger ones would saturate the softmax, and float32 would not give five digits of the gradient of q_proj.
    matrices = [(n, p) for n, p in model.named_parameters() if "lora_" in n]
    randomise(matrices, torch.Generator().manual_seed(seed + 1), scale=0.5)
    model.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    settings_file = directory / "adapter_config.json"
    written = json.loads(settings_file.read_text())
    written["base_model_name_or_path"] = None
    written["target_modules"] = sorted(written["target_modules"])
    settings_file.write_text(json.dumps(written, indent=2) + "\n")

    lora = leaves(load_file(directory / "adapter_model.safetensors"))
    scale = settings["lora_alpha"] / settings["r"]
    exact = expectations(Llama(config, frozen, lora, scale).logits, lora, examples)
    base = LlamaForCausalLM.from_pretrained(model_directory, attn_implementation="eager", dtype=torch.float32)
    library = PeftModel.from_pretrained(base, directory, is_trainable=True)
    trained = {n.replace(".default", ""): p for n, p in library.named_parameters() if "lora_" in n}
    check(f"{model_directory.name} with {name}", exact,
          expectations(lambda ids: library(input_ids=ids[None]).logits[0], trained, examples))
    save(exact, directory / "expected.safetensors")


def save(exact, file):
    save_file({name: tensor.float().contiguous() for name, tensor in exact.items()}, file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, help="is emptied and written again")
    directory = parser.parse_args().directory
    torch.set_num_threads(1)
    shutil.rmtree(directory, ignore_errors=True)
    for seed, name in enumerate(VARIANTS, 100):
        (directory / name).mkdir(parents=True)
        write_model(directory / name, name, seed)


if __name__ == "__main__":
    main()
