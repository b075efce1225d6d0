"""A chat's answer written as a response: whole, or as the events of a stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ponder.asks import Completion
from ponder.asks import Told as Event
from ponder.server.front.errors import ApiError
from ponder.server.openai.responses.items import new_id, output_text
from ponder.server.openai.writer import Writer

Said = dict[str, Any]

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_EXTENSIONS = ("progress", "trace", "tree")  # chunks of ours, each an event of its own
_CHAT = frozenset(
    {"index", "delta", "message", "logprobs", "finish_reason"}
)  # a choice's, told otherwise here


class ResponseWriter:
    """Writes the answer to one request from what a chat's writer says.

    Parameters
    ----------
    chat : writes the chat that the request means.
    response : the response before anything of it is there.
    keep : takes the response once it is whole.
    """

    done_after_failure = True

    def __init__(self, chat: Writer, response: Said, keep: Callable[[Said], None]) -> None:
        self._chat = chat
        self._response = response
        self._keep = keep
        self._output: list[Said] = []
        self._message: Said | None = None  # the one that grows
        self._text = ""
        self._logprobs: list[Said] = []  # of its tokens
        self._untold: list[Said] = []  # of tokens whose text is still to come
        self._finish_reason = "stop"
        self._extra: Said = {}  # what a chat's answer has beyond OpenAI's
        self._sequence = 0

    def watch(self, prompt: int, event: Event) -> list[Said]:
        """See what happened, for the trace."""
        return self._chat.watch(prompt, event)

    def whole(self, completions: Sequence[Completion]) -> Said:
        """Return the response; the events of a stream make it as well."""
        answer = self._chat.whole(completions)
        (choice,) = answer["choices"]
        if "traces" in answer:
            self._extra["traces"] = answer["traces"]
        message = choice["message"]
        if message.get("tool_calls"):
            choice["logprobs"] = _of_text(choice.get("logprobs"), message["content"] or "")
        list(self._grow({**choice, "delta": message}, answer))
        list(self._end())
        return self._finished(answer["usage"])

    def opening(self) -> Iterator[Said]:
        """Yield what a stream begins with."""
        for chunk in self._chat.opening():
            self._note(chunk, ("prompt_token_ids",))
        yield self._say("response.created", response=self._response)
        yield self._say("response.in_progress", response=self._response)

    def chunks(self, prompt: int, event: Event) -> Iterator[Said]:
        """Yield the events that tell what happened."""
        for chunk in self._chat.chunks(prompt, event):
            for name in _EXTENSIONS:
                if name in chunk:
                    yield self._say(f"ponder:{name}", **{name: chunk[name]})
            for choice in chunk["choices"]:
                yield from self._grow(choice, chunk)

    def ending(self) -> Iterator[Said]:
        """Yield what a stream ends with."""
        (last,) = self._chat.ending()
        yield from self._end()
        response = self._finished(last["usage"])
        yield self._say(f"response.{response['status']}", response=response)

    def failing(self, error: ApiError) -> Iterator[Said]:
        """Yield what a stream ends with that cannot go on."""
        told = error.as_json()["error"]
        flat = {name: told[name] for name in ("code", "message", "param")}
        yield self._say("error", error=told, **flat)
        why = {"code": error.code or "server_error", "message": error.message}
        failed = {**self._response, "status": "failed", "error": why, "output": self._output}
        yield self._say("response.failed", response=failed)

    def _say(self, kind: str, **members: Any) -> Said:
        said = {"type": kind, "sequence_number": self._sequence, **members}
        self._sequence += 1
        return said

    def _grow(self, choice: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[Said]:
        """Yield the events of what the text grew by."""
        delta = choice["delta"]
        self._untold += (choice.get("logprobs") or {}).get("content") or ()
        if text := delta.get("content"):
            yield from self._say_text(text)
        for call in delta.get("tool_calls") or ():
            self._untold.clear()  # they are of the call
            yield from self._close("completed")
            yield from self._call(call)
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        self._note(choice, [name for name in choice if name not in _CHAT])
        self._note(about, ("prompt_token_ids", "prompt_logprobs"))

    def _note(self, told: Mapping[str, Any], names: Sequence[str]) -> None:
        """Put aside what is to be in the response besides."""
        for name in names:
            value = told.get(name)
            if name == "token_ids" and value is not None:
                self._extra.setdefault(name, []).extend(value)
            elif value is not None:
                self._extra[name] = value

    def _say_text(self, text: str) -> Iterator[Said]:
        if self._message is None:
            yield from self._open()
        logprobs, self._untold = self._untold, []
        self._text += text
        self._logprobs += logprobs
        yield self._say("response.output_text.delta", **self._place(), delta=text, logprobs=logprobs)

    def _open(self) -> Iterator[Said]:
        """Begin a message."""
        self._message = {
            "type": "message",
            "id": new_id("msg"),
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        self._text, self._logprobs = "", []
        yield self._say("response.output_item.added", output_index=len(self._output), item=self._message)
        yield self._say("response.content_part.added", **self._place(), part=output_text(""))

    def _close(self, status: str) -> Iterator[Said]:
        """End the message, if one has begun."""
        if self._message is None:
            return
        self._logprobs += self._untold
        self._untold = []
        part, place = output_text(self._text, self._logprobs), self._place()
        said = {"text": self._text, "logprobs": self._logprobs}
        yield self._say("response.output_text.done", **place, **said)
        yield self._say("response.content_part.done", **place, part=part)
        yield from self._done({**self._message, "status": status, "content": [part]})
        self._message = None

    def _call(self, call: Mapping[str, Any]) -> Iterator[Said]:
        """Tell a call of a tool, which is there as a whole."""
        arguments = call["function"]["arguments"]
        item = {
            "type": "function_call",
            "id": new_id("fc"),
            "call_id": call["id"],
            "name": call["function"]["name"],
            "arguments": "",
            "status": "in_progress",
        }
        place = {"item_id": item["id"], "output_index": len(self._output)}
        yield self._say("response.output_item.added", output_index=len(self._output), item=item)
        yield self._say("response.function_call_arguments.delta", **place, delta=arguments)
        yield self._say("response.function_call_arguments.done", **place, arguments=arguments)
        yield from self._done({**item, "arguments": arguments, "status": "completed"})

    def _done(self, item: Said) -> Iterator[Said]:
        yield self._say("response.output_item.done", output_index=len(self._output), item=item)
        self._output.append(item)

    def _place(self) -> Said:
        assert self._message is not None
        return {"item_id": self._message["id"], "output_index": len(self._output), "content_index": 0}

    def _end(self) -> Iterator[Said]:
        """Yield the end of the output, which has one item at least."""
        if self._message is None and not self._output:
            yield from self._open()
        yield from self._close("incomplete" if self._finish_reason in _INCOMPLETE else "completed")

    def _finished(self, usage: Mapping[str, Any]) -> Said:
        """Return the whole response, kept if it is to be."""
        reason = _INCOMPLETE.get(self._finish_reason)
        response = {
            **self._response,
            "status": "incomplete" if reason else "completed",
            "completed_at": None if reason else int(time.time()),
            "incomplete_details": {"reason": reason} if reason else None,
            "output": self._output,
            "usage": _usage(usage),
            **self._extra,
        }
        self._keep(response)
        return response


def _of_text(logprobs: Mapping[str, Any] | None, text: str) -> Said:
    """Return the log-probabilities of a text's tokens, without those of the calls after it."""
    told: list[Said] = []
    length, whole = 0, len(text.encode())
    for one in (logprobs or {}).get("content") or ():
        if length >= whole:
            break
        told.append(one)
        length += len(one["bytes"])
    return {"content": told}


def _usage(usage: Mapping[str, Any]) -> Said:
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    details = usage["completion_tokens_details"]
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {
            "cached_tokens": cached,
            "cache_write_tokens": usage["prompt_tokens"] - cached,
        },
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0, **details},
        "total_tokens": usage["total_tokens"],
    }
