"""Chat templates render as in transformers, and a hostile one gets an error and nothing else."""

import resource
import threading
import time

import pytest
import tokenizers
import transformers
from tokenizers.models import BPE

from ponder.checkpoints import open_checkpoint
from ponder.errors import CheckpointError, ParameterError, TemplateError
from ponder.text import ChatTemplate, Conversation, Message, build_tokenizer

CONVERSATIONS = [
    [Message("user", "Hello")],
    [Message("system", "Be <brief> & 'kind'."), Message("user", "  2+2? \n")],
    [Message("user", "a"), Message("assistant", "b "), Message("user", "c 😀\n\n{{ 1 }} \0 {% x %}")],
]

LLAMA3 = """{% set loop_messages = messages %}
{%- for message in loop_messages %}
    {%- set header = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' %}
    {%- set content = header + message['content'] | trim + '<|eot_id|>' %}
    {%- if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}
    {{- content }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}
{{- strftime_now('%Y') }}"""

QWEN = """{%- if tools %}{{ tools | tojson }}{% endif %}
{%- if messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- else %}
    {{- '<|im_start|>system\nYou are Qwen.<|im_end|>\n' }}
{%- endif %}
{%- set ns = namespace(last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- if message.role == 'user' and ns.last %}{% set ns.last = 0 %}{% continue %}{% endif %}
    {{- message | tojson }}{{ messages | map(attribute='role') | list | tojson(indent=2) }}
{%- endfor %}
{%- for message in messages if message.role != 'system' %}
    {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- generation %}{% set ns.last = 1 %}{{ ns.last }}{% endgeneration %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{% endif %}"""

MISTRAL = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('roles must alternate') }}
    {%- endif %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- else %}
        {{- " " + message["content"] + eos_token}}
    {%- endif %}
{%- endfor %}
"""


def assert_as_transformers(source: str, bos_token: str, eos_token: str) -> None:
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(BPE()),
        bos_token=bos_token,
        eos_token=eos_token,
        chat_template=source,
    )
    ours = ChatTemplate(source, bos_token=bos_token, eos_token=eos_token)
    for messages in CONVERSATIONS:
        for prompt in (True, False):
            expected = theirs.apply_chat_template(
                [{"role": message.role, "content": message.content} for message in messages],
                tokenize=False,
                add_generation_prompt=prompt,
            )
            asked = Conversation(tuple(messages), add_generation_prompt=prompt)
            assert ours.render(asked) == expected
    ours.close()


@pytest.mark.parametrize("source", [LLAMA3, QWEN, MISTRAL], ids=["llama3", "qwen", "mistral"])
def test_published_styles_as_transformers(source):
    assert_as_transformers(source, "<s>", "</s>")


def test_default_model_as_transformers():
    try:
        checkpoint = open_checkpoint("smollm2-135m")
    except CheckpointError as error:
        pytest.skip(str(error))
    tokenizer = build_tokenizer(checkpoint.vocabulary, checkpoint.special)
    assert_as_transformers(checkpoint.chat_template, tokenizer.bos_token, tokenizer.eos_token)


def render(source: str, *messages: Message) -> str:
    template = ChatTemplate(source, bos_token="<s>", eos_token="</s>")
    try:
        return template.render(messages or [Message("user", "Hello")])
    finally:
        template.close()


NESTED = "{% for i in range(99999) %}{% for j in range(99999) %}BODY{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ raise_exception('only one system\n\x1b[31m role') }}", r"only one system \[31m role$"),
        ("line one\n\n{% if %}", "syntax error in line 3"),
        ("{{ nothing.at.all }}", "'nothing' is undefined"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{% include 'a' %}", "no loader"),
        ("{% import 'os' as os %}", "no loader"),
        ("{{ ''.__class__.__mro__ }}", "not allowed.*__class__"),
        ("{{ cycler.__init__.__globals__.os }}", "not allowed.*__init__"),
        ("{% set x = messages.append(1) %}", "not allowed"),
        ("{{ (messages | map('attr', '__class__') | first).mro() }}", "undefined|not allowed"),
        ("{{ 'a' * 10 ** 10 }}", "memory"),
        ("{{ [0] * 10 ** 9 }}", "memory"),
        ("{{ '%9999999999d' % 1 }}", "memory"),
        (
            "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
            "memory|stopped",
        ),
        (NESTED.replace("BODY", ""), "stopped.*1 s"),
        (NESTED.replace("BODY", "text"), "more than 8388608 characters"),
        ("{{ 7 ** (9 ** 9) }}", "stopped.*1 s"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"),
        pytest.param("{{" + "(" * 100_000, "recursion", id="deep"),
        pytest.param("{{ x" + ".x" * 50_000 + "}}", "recursion|undefined|stopped", id="long chain"),
        pytest.param("{{ 'x' " + "~ 'x'" * 200_000 + "}}", "recursion|stopped|memory", id="long sum"),
        pytest.param("{{ raise_exception('a' * 10**8) }}", "aaa|stopped|memory", id="long message"),
    ],
)
def test_hostile_templates(source, words):
    started = time.monotonic()
    with pytest.raises(TemplateError, match=words) as caught:
        render(source)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    assert time.monotonic() - started < 8


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the system does not show limits")
def test_the_process_opens_no_file_and_has_little_memory():
    template = ChatTemplate("", bos_token="", eos_token="")
    template.render([])
    pid = template._process._process.pid
    assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (3, 3)
    assert resource.prlimit(pid, resource.RLIMIT_FSIZE) == (0, 0)
    assert resource.prlimit(pid, resource.RLIMIT_AS) == (2**29, 2**29)
    template.close()


def test_it_works_again_after_a_failure():
    template = ChatTemplate(
        "{% if messages[0].content == 'loop' %}" + NESTED.replace("BODY", "") + "{% endif %}fine",
        bos_token="",
        eos_token="",
    )
    for _ in range(2):
        assert template.render([Message("user", "")]) == "fine"
        with pytest.raises(TemplateError):
            template.render([Message("user", "loop")])
    template.close()
    assert template.render([Message("user", "")]) == "fine"
    template.close()


def test_threads_get_their_own_answers():
    template = ChatTemplate("{{ messages[0].content }}", bos_token="", eos_token="")
    wrong = []

    def work(name: str) -> None:
        for i in range(50):
            text = f"{name} {i}"
            if template.render([Message("user", text)]) != text:
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    template.close()


def test_odd_characters_pass_unchanged():
    text = "\0\r\n\u2028\ud800 \x1b 😀 é e\u0301"
    assert render("{{ messages[0].content }}", Message("user", text)) == text


TOOL = {"type": "function", "function": {"name": "f"}}


def test_another_template_for_tools():
    """It writes conversations with tools, and no others."""
    template = ChatTemplate("plain", tool_use="{{ tools | length }} tools")
    asked = Conversation((Message("user", "a"),), (TOOL,))
    assert template.render(asked) == "1 tools"
    assert template.render(asked.messages) == "plain"
    template.close()


def test_what_a_template_has_no_place_for():
    """Tools, calls and variables are refused by name; what is off, or mentioned, is not."""
    template = ChatTemplate("{% set mood = mood or 'calm' %}{{ mood }}{{ messages[0].content }}")
    user, call = Message("user", "a"), {"function": {"name": "f"}}
    for conversation, field in (
        (Conversation((user,), (TOOL,)), "tools"),
        (Conversation((user, Message("assistant", tool_calls=(call,)))), "messages[1].tool_calls"),
        (Conversation((user,), template_args={"thinking": True}), "template_args.thinking"),
    ):
        with pytest.raises(ParameterError) as raised:
            template.render(conversation)
        assert raised.value.field == field
    args = {"thinking": False, "other": None, "mood": "sad"}
    assert template.render(Conversation((user,), template_args=args)) == "sada"
    template.close()


@pytest.mark.parametrize(
    ("source", "hidden"),
    [
        ("{{ messages[0].content | tojson(ensure_ascii=true) }}", '"a <x> b"'),
        ("{{ messages | tojson(indent=1) }}", '[\n {\n  "role": "user",\n  "content": "a <x> b"\n }\n]'),
        ("{{ tools[0].function.parameters | tojson }}", '{"<x>": ["<x>"]}'),
        ("{{ mood.y }}", "z <x>"),
    ],
)
def test_texts_are_made_safe_everywhere(source, hidden):
    """In messages, tools and variables, in keys and values, however a template writes them."""
    function = {"name": "f", "parameters": {"<x>": ["<x>"]}}
    tools = ({"type": "function", "function": function},) if "tools" in source else ()
    args = {"mood": {"y": "z <x>"}} if "mood" in source else {}
    conversation = Conversation((Message("user", "a <x> b"),), tools, args)
    template = ChatTemplate(source)
    shown = template.render(conversation, lambda text: text.replace("<x>", "\ue0000\ue001"))
    assert "<x>" not in shown.replace("\ue0000\ue001", "")
    shown = shown.replace("\\ue0000\\ue001", "<x>").replace("\ue0000\ue001", "<x>")
    assert shown == hidden
    template.close()
