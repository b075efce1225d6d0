"""Watch a beam search's tree grow: what each step added, and which path won."""

import ponder
from ponder.asks import Completion, TreeEvent, fronts

lm = ponder.load()
request = lm.request("The best thing about rain is", chat=False, num_beams=3, max_tokens=6)
texts = {-1: ""}
for event in fronts.stream(lm.model, request):
    if isinstance(event, TreeEvent):
        for node in event.nodes:
            texts[node.node] = texts[node.parent] + node.text
            print(f"{node.score:8.2f}  {texts[node.node]}")
        print()
    elif isinstance(event, Completion):
        print(f"best: {event.text}")
