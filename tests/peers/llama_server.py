"""A real llama.cpp server with a tiny random model: it speaks three protocols, and says junk.

``python llama_server.py PORT KEY FOLDER`` makes the model in *FOLDER* and serves it on 127.0.0.1
until it is killed. The vocabulary has a token for every single byte and the weights are random, so
an answer is a string of control characters, quotes, line ends and broken UTF-8.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

NAME = "tiny"
CONTEXT = 512
SLOTS = 4
WIDTH = 64
LAYERS = 2
HEADS = 4
HIDDEN = 128
# Beside <unk>, <s>, </s> and the 256 bytes; U+2581 stands for a space, as SentencePiece has it.
PIECES = [
    "\u2581",
    *(chr(code) for code in range(0x21, 0x7F)),
    *("\u2581the", "\u2581a", "er", "in", "on", "\u2581is", "\u2581Row"),
]


def write_model(path: Path, seed: int = 7) -> None:
    """Write a random model of the llama architecture; the same seed gives the same model."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *PIECES]
    kind = gguf.TokenType
    kinds = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * 256]
    kinds += [kind.NORMAL] * len(PIECES)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name(NAME)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(pieces))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores([-float(number) for number in range(len(pieces))])
    writer.add_token_types([int(each) for each in kinds])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template("{% for message in messages %}{{ message['content'] }}\n{% endfor %}")
    for name, values in _tensors(np.random.default_rng(seed), len(pieces)):
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(random: np.random.Generator, vocabulary: int) -> list[tuple[str, np.ndarray]]:
    def drawn(*shape: int) -> np.ndarray:
        return random.normal(0.0, 0.4, shape).astype(np.float32)

    ones = np.ones(WIDTH, dtype=np.float32)
    tensors = [
        ("token_embd.weight", drawn(vocabulary, WIDTH)),
        ("output_norm.weight", ones),
        ("output.weight", drawn(vocabulary, WIDTH)),
    ]
    for layer in range(LAYERS):
        shapes = {
            "attn_q": (WIDTH, WIDTH),
            "attn_k": (WIDTH, WIDTH),
            "attn_v": (WIDTH, WIDTH),
            "attn_output": (WIDTH, WIDTH),
            "ffn_gate": (HIDDEN, WIDTH),
            "ffn_up": (HIDDEN, WIDTH),
            "ffn_down": (WIDTH, HIDDEN),
        }
        for name, shape in shapes.items():
            tensors.append((f"blk.{layer}.{name}.weight", drawn(*shape)))
        for name in ("attn_norm", "ffn_norm"):
            tensors.append((f"blk.{layer}.{name}.weight", ones))
    return tensors


def serve(port: int, key: str, folder: Path) -> None:
    """Serve until somebody kills the process."""
    model = folder / "tiny.gguf"
    write_model(model)
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.api_keys = [key]
    params.n_ctx = CONTEXT * SLOTS
    params.n_parallel = SLOTS
    params.n_predict = 64
    # Threads that spin and wait for each other: with two, eight requests took fifty times as long.
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
