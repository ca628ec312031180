"""Writes gguf_blocks.txt: random blocks of each GGUF type and what the gguf package decodes them to.

Run as: pip install gguf numpy; python gguf_blocks.py > gguf_blocks.txt
One line a block: type, its bytes, its elements as float32 bits, both in hexadecimal.
"""

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

# Byte positions of the float16 scales in a block; random bits there could be NaN.
SCALES = {
    Type.F16: [0],
    Type.BF16: [0],
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q5_0: [0],
    Type.Q5_1: [0, 2],
    Type.Q8_0: [0],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
}

random = np.random.default_rng(7)
for type_, scales in SCALES.items():
    size = GGML_QUANT_SIZES[type_][1]
    for _ in range(2):
        block = random.integers(0, 256, size, dtype=np.uint8)
        for at in scales:
            block[at : at + 2] = np.array([random.normal() / 16], np.float16).view(np.uint8)
        values = dequantize(block.reshape(1, size), type_).astype(np.float32).reshape(-1)
        bits = " ".join(f"{b:08x}" for b in values.view(np.uint32))
        print(type_.name, block.tobytes().hex(), bits)
