"""A model whose texts are written beforehand, for the logic of strategies."""

import pytest

from ponder.testing import ScriptedModel


@pytest.fixture
def scripted():
    """Make a model that writes these texts."""
    return lambda *texts, **options: ScriptedModel(list(texts), **options)
