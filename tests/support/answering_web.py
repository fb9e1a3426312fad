"""The demo's web without its URLs that hang: a run on it waits for nothing, so that patience costs no time."""

from dataclasses import replace

from babelsift.pipelines.demo.web import Answer, DemoWeb
from babelsift.schemas import Recipe


def answering_pairs(web: DemoWeb) -> DemoWeb:
    """Returns the web's pairs whose URLs answer at once, to be written as a table; serve the web that they are of."""
    hangs = {Answer.HANG, Answer.HANG_IN_BODY}
    return replace(web, pairs=tuple(pair for pair in web.pairs if web.resources[pair.path].answer not in hangs))


def patient(recipe: Recipe) -> Recipe:
    """Returns the recipe with time limits that a machine at a hundred times its load does not meet."""
    download = recipe.download.model_copy(update={"timeout_s": 300.0, "total_timeout_s": 900.0})
    return recipe.model_copy(update={"download": download})
