"""What every classifier must do: say what any text is, or abstain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import ClassVar, TypeAlias, TypeVar, cast

import anyio
import pytest
from hypothesis import strategies as st

from ...classifiers import Classifier, ContextClassifier, Label
from ...config import Config
from ...specs import ClassifierSpec
from .._offline import in_step
from .._scripted import ScriptedProvider
from .base import for_any, level
from .models import Silent
from .plugins import PluginConformance
from .timing import stops, within

__all__ = ["ClassifierConformance"]

T = TypeVar("T")
_Ask: TypeAlias = Callable[[str], Awaitable[Label | None]]

_TEXTS = (
    "",
    " ",
    "Build a web application for bookings",
    "Analyze the market for tea, and plan a strategy",
    "Design an interface in blue",
    "日本語のテキスト 🍵",
    "word " * 20_000,
)


class ClassifierConformance(PluginConformance):
    """Standard tests of a classifier, and of its plugin.

    ```python
    class TestTopics(ClassifierConformance):
        plugin = "zg-topics"
        classifier = "topics"
    ```

    Attributes:
        classifier: Its short name.
        deterministic: Whether a text always gets the same label.
    """

    classifier: ClassVar[str]
    deterministic: ClassVar[bool] = True

    def make_classifier(self) -> Classifier | ContextClassifier:
        """Return it; by default what its factory makes of `config`.

        One that wants a context is asked as a step of a run asks it, with a model
        whose answers fit what is asked for.
        """
        return cast(Classifier, self.make("classifier", self.classifier))

    def _labels(self, *texts: str) -> list[Label | None]:
        """Return what it says of texts at once."""

        async def at_once(ask: _Ask) -> list[Label | None]:
            found: list[Label | None] = [None] * len(texts)

            async def one(place: int) -> None:
                found[place] = await ask(texts[place])

            async with anyio.create_task_group() as group:
                for place in range(len(texts)):
                    group.start_soon(one, place)
            return found

        whose = f"the classifier {self.classifier!r}"
        return within(30.0, lambda: self._asked(at_once), whose)

    async def _asked(
        self,
        work: Callable[[_Ask], Awaitable[T]],
        model: ScriptedProvider | None = None,
    ) -> T:
        """Await *work* with what asks it; in a step of a run, if it wants a context."""
        made = self.make_classifier()
        if not isinstance(made, ContextClassifier):
            return await work(made.classify)
        offer = self.offer("classifier", self.classifier)
        sections = {offer.plugin: self.config} if self.config else {}
        return await in_step(
            lambda ctx: work(partial(ctx.classify, classifier=offer.qualified)),
            self.plugin,
            model=model,
            config=Config(plugins_config=sections),
        )

    def _check(self, label: object) -> None:
        if label is None:
            return
        assert isinstance(label, Label)
        assert isinstance(label.reason, str)
        assert 0 <= label.probability <= 1
        spec = self.offer("classifier", self.classifier).spec
        assert isinstance(spec, ClassifierSpec)
        assert not spec.labels or label.name in spec.labels

    @level(1)
    def test_it_labels_what_people_ask_for(self) -> None:
        """Short and long, in any language: with a label it declares, or none."""
        for text in _TEXTS:
            self._check(self._labels(text)[0])

    @level(1)
    def test_it_labels_any_text(self) -> None:
        """It never fails."""

        @for_any(st.text())
        def law(text: str) -> None:
            self._check(self._labels(text)[0])

        law()

    @level(1)
    def test_a_text_gets_the_same_label_again(self) -> None:
        """Whatever it was asked before, and by another of its kind too."""
        if not self.deterministic:
            pytest.skip("it says that it is not deterministic")

        async def twice(ask: _Ask) -> list[list[Label | None]]:
            return [[await ask(text) for text in _TEXTS] for _ in range(2)]

        whose = f"the classifier {self.classifier!r}"
        first, second = within(60.0, lambda: self._asked(twice), whose)
        assert first == second
        assert first == [self._labels(text)[0] for text in _TEXTS]

    @level(1)
    def test_texts_at_once_do_not_mix(self) -> None:
        """Each gets the label it gets alone."""
        if not self.deterministic:
            pytest.skip("it says that it is not deterministic")
        alone = [self._labels(text)[0] for text in _TEXTS]
        assert self._labels(*_TEXTS) == alone

    @level(1)
    def test_it_stops_when_the_run_is_cancelled(self) -> None:
        """Within a second."""
        stops(
            lambda: self._asked(lambda ask: ask(_TEXTS[2]), Silent()),
            f"the classifier {self.classifier!r}",
            after=0.0,
        )
