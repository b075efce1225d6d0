"""Tiny random reward models as transformers saves them, with the markers of published ones."""

from __future__ import annotations

import json

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

WORDS = [
    "Janet has 16 eggs, eats 3 and sells the rest. How many dollars?",
    "Step 1: She eats three, so 16 - 3 = 13 are left. ки\nStep 2: 13 * 2 = 26. ки",
    "Please reason step by step, and put your final answer within \\boxed{}. + - ки ки ки",
    "We add the numbers: 12 + 30 = 42.\n\nThen 42 / 2 = 21, and 21 - 1 = 20.",
]
CONTROL = ["<s>", "<|im_start|>", "<|im_end|>", "<extra_0>", "<|header|>", "<|end_header|>", "<|eot|>"]
QWEN = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = (
    "<s>{% for m in messages %}<|header|>{{ m.role }}<|end_header|>\n\n{{ m.content | trim }}<|eot|>"
    "{% endfor %}{% if add_generation_prompt %}<|header|>assistant<|end_header|>\n\n{% endif %}"
)


def byte_level() -> Tokenizer:
    """Cut as Qwen and Llama 3 do it: a regular expression, then merges of bytes."""
    words = r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(words), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, special_tokens=CONTROL, show_progress=False
    )
    tokenizer.train_from_iterator(WORDS, trainer)
    return tokenizer


def sentencepiece() -> Tokenizer:
    """Cut as Llama 2 and Mistral do it: a space before the text, merges over words, bytes for the rest."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    special = ["<unk>", *CONTROL, *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, show_progress=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.train_from_iterator([word.replace("\n", " ") for word in WORDS], trainer)
    tokenizer.pre_tokenizer = None
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    start = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", start)])
    described = json.loads(tokenizer.to_str())  # the bytes are ordinary tokens
    described["added_tokens"] = [one for one in described["added_tokens"] if one["content"][:3] != "<0x"]
    return Tokenizer.from_str(json.dumps(described))


def write_reward_model(folder, tokenizer, template=None, head=None, seed=0):
    """Write a llama of 2 layers with this tokenizer; `head` are tensors that are added to its own."""
    bos = {} if template == QWEN else {"bos_token": "<s>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|eot|>", **bos)
    fast.chat_template = template
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.3,
        tie_word_embeddings=False,
        bos_token_id=fast.convert_tokens_to_ids("<s>"),
        eos_token_id=fast.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    if head:
        file = folder / "model.safetensors"
        save_file({**load_file(file), **head}, file, {"format": "pt"})
    return folder
