"""JSON text that a schema describes: a grammar makes the mask, a checker judges what closes."""

from ponder.constraints.json_schema.automaton import JsonAutomaton
from ponder.constraints.json_schema.reader import Closed, Mode, Open, Reader, Reading
from ponder.constraints.json_schema.rewriting import Kept
from ponder.constraints.json_schema.schema import JsonSchema

__all__ = ["Closed", "JsonAutomaton", "JsonSchema", "Kept", "Mode", "Open", "Reader", "Reading"]
