"""What the settings of decoders, mixtures and constraints do, in words.

They stand here, below what they are about, because a command line's help should not wait for torch.
"""

from __future__ import annotations

from collections.abc import Mapping

DECODING: Mapping[str, str] = {
    "num_beams": "beam search of this width",
    "beam_semantics": "beam search by the rules of hf (default), fairseq or vllm",
    "beam_sample": "draw the beams' candidates instead of ranking them",
    "num_beam_groups": "diverse beam search: groups that the beams are divided into",
    "diversity_penalty": "subtracted for each beam of an earlier group with the same token",
    "stochastic_beams": "draw so many different texts, without replacement",
    "length_penalty": "beam scores are divided by length ** this; default 1",
    "early_stopping": "beam search: true, false (default) or never",
    "contrastive_search": "contrastive search: try so many tokens, take the likely and unlike",
    "penalty_alpha": "what likeness counts for in contrastive search; default 0.6",
    "faithful": "draw texts that stand for what the model would say of what the constraint allows",
    "faithful_passes": "how often exact faithful sampling begins a text at most; default 1000",
    "prompt_lookup": "speculate: guess so many tokens at once from what the prompt and the text repeat",
    "max_ngram": "the most last tokens that prompt lookup looks for; default 3",
    "min_ngram": "the least last tokens that prompt lookup looks for; default 2",
    "draft": "speculate: a smaller model with the same vocabulary guesses",
    "draft_tokens": "how many tokens the draft model guesses at once",
    "guidance_scale": "classifier-free guidance: over 1 strengthens the prompt",
    "negative_prompt": "what guidance leads away from; by default no prompt",
    "contrast": "contrastive decoding against a smaller model, or this one after so few layers",
    "contrast_alpha": "least share of the likeliest token's probability; default 0.1",
    "contrast_expert": "what the model's log-probabilities are multiplied by; default 1.5",
    "contrast_amateur": "what the other's log-probabilities are multiplied by; default 0.5",
    "contrast_temperature": "the other's temperature; default 1",
    "dola_layers": "DoLa: contrast the last layer with one of these",
    "dola_alpha": "least share of the likeliest token's probability; default 0.1",
    "dola_norm": "give earlier layers the last norm before the head",
}
"""By the names of `decoders/named.py`."""

CONSTRAINTS: Mapping[str, str] = {
    "choice": "the text is one of these",
    "regex": "the text matches this regular expression, as Python's re.fullmatch says",
    "grammar": "the text is of this grammar in Lark's syntax",
    "ban": "strings that the text may not contain",
    "ban_regex": "regular expressions that may match nowhere",
    "contains": "the text contains this",
    "starts_with": "the text starts with this",
    "ends_with": "the text ends with this",
    "mentions": "strings that the text must contain",
    "json_schema": "the text is JSON of this schema; true: any JSON object",
    "any_order": "properties of the JSON schema may come in any order",
    "compact": "JSON without white space between its parts",
    "min_words": "the least words of the text",
    "max_words": "the most words of the text",
    "min_sentences": "the least sentences of the text",
    "max_sentences": "the most sentences of the text",
    "min_chars": "the least characters of the text",
    "max_chars": "the most characters of the text",
    "thinking": "how many tokens come before </think>; what else is asked is the answer's",
}
"""By the names of `constraints/plain.py`."""
