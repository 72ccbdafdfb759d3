"""Providers of which each but the first breaks the contract in one way."""

import contextlib
import json
import socket
from dataclasses import asdict, replace

import anyio

import zg_core.plugin_api as zg

KEY = "sk-seed-key-of-no-worth"


class Sound:
    """Answers with the question."""

    def __init__(self):
        self.key = KEY

    def info(self, model):
        return zg.ModelInfo(context_tokens=1000)

    def estimate(self, request):
        return len(json.dumps(asdict(request)))

    async def complete(self, request):
        await anyio.sleep(0.002)
        return self.response(request)

    async def stream(self, request):
        response = await self.complete(request)
        for letter in response.text:
            yield zg.Chunk(text=letter)
        yield zg.Chunk(response=response)

    async def close(self):
        pass

    def response(self, request, text=None, **fields):
        text = text or f"You said: {request.messages[-1].text}"
        usage = zg.Usage(input_tokens=3, output_tokens=len(text.split()), calls=1)
        message = zg.Message.assistant(text)
        return zg.Response(**{"message": message, "usage": usage, **fields})


class ShowsItsKey(Sound):
    def __repr__(self):
        return f"ShowsItsKey({self.key!r})"


class ShowsItsKeyInErrors(Sound):
    async def complete(self, request):
        if request.model != "any":
            raise zg.ProviderRequestError(f"no such model for key {self.key}")
        return await super().complete(request)


class StreamsSomethingElse(Sound):
    async def stream(self, request):
        yield zg.Chunk(text="Something else.")
        yield zg.Chunk(response=self.response(request, "Something else."))


class StreamsOtherPieces(Sound):
    async def stream(self, request):
        yield zg.Chunk(text="Something")
        yield zg.Chunk(response=self.response(request))


class StreamsNoResponse(Sound):
    async def stream(self, request):
        yield zg.Chunk(text=self.response(request).text)


class StreamsOn(Sound):
    async def stream(self, request):
        yield zg.Chunk(response=self.response(request))
        yield zg.Chunk(text=self.response(request).text)


class RaisesItsOwnError(Sound):
    async def complete(self, request):
        if not request.messages[-1].text.strip():
            raise ValueError("nothing was said")
        return await super().complete(request)


class SharesState(Sound):
    async def complete(self, request):
        self.request = request
        await anyio.sleep(0.005)
        return self.response(self.request)


class IgnoresCancellation(Sound):
    async def complete(self, request):
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1.3 if request.messages[-1].text == "Say hello." else 0)
        return self.response(request)


class CountsNothing(Sound):
    def response(self, request, text=None, **fields):
        return super().response(request, text, usage=zg.Usage(), **fields)


class CountsBackwards(Sound):
    def response(self, request, text=None, **fields):
        usage = zg.Usage(input_tokens=-1, output_tokens=2, calls=1)
        return super().response(request, text, usage=usage, **fields)


class EstimatesTooLittle(Sound):
    def estimate(self, request):
        return 0


class EstimatesLetters(Sound):
    def estimate(self, request):
        return 256 + len(json.dumps(asdict(request), ensure_ascii=False))


class EstimatesNoTools(Sound):
    def estimate(self, request):
        return super().estimate(replace(request, tools=()))


class EstimatesNoSchemas(Sound):
    def estimate(self, request):
        return super().estimate(replace(request, output_schema=None))


class EstimatesTexts(Sound):
    def estimate(self, request):
        texts = sum(len(message.text.encode()) for message in request.messages)
        unsaid = replace(request, messages=())
        return texts + super().estimate(unsaid)


class KnowsOnlyItsModels(Sound):
    def info(self, model):
        return {"any": zg.ModelInfo()}[model]


class AsksWhatItsModelsCanDo(Sound):
    def info(self, model):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), 1).close()
        return zg.ModelInfo()


class SaysWhyInItsOwnWords(Sound):
    def response(self, request, text=None, **fields):
        return super().response(request, text, stop_reason="stop", **fields)


class WantsAnotherTool(Sound):
    def response(self, request, text=None, **fields):
        wish = zg.ToolCall(call_id="1", name="another", arguments={})
        message = zg.Message(role="assistant", parts=(wish,))
        return super().response(
            request, text, message=message, stop_reason="tool_calls", **fields
        )


class ClosesOnce(Sound):
    closed = False

    async def close(self):
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class CannotBeLeft(Sound):
    busy = False

    async def stream(self, request):
        self.busy = True
        yield zg.Chunk(text=self.response(request).text)
        self.busy = False
        yield zg.Chunk(response=self.response(request))

    async def complete(self, request):
        if self.busy:
            raise zg.ProviderUnavailableError("busy")
        return await super().complete(request)


class Miscounts(Sound):
    """Nobody can tell: the kit does not know how many tokens a text has."""

    def response(self, request, text=None, **fields):
        usage = zg.Usage(input_tokens=1, output_tokens=1, calls=1)
        return super().response(request, text, usage=usage, **fields)


@zg.hookimpl
def zg_register_providers():
    kinds = [
        *(Sound, ShowsItsKey, ShowsItsKeyInErrors, StreamsSomethingElse),
        *(StreamsOtherPieces, StreamsNoResponse, StreamsOn, RaisesItsOwnError),
        *(SharesState, IgnoresCancellation, CountsNothing, CountsBackwards),
        *(EstimatesTooLittle, EstimatesLetters, EstimatesNoTools, EstimatesNoSchemas),
        *(EstimatesTexts, KnowsOnlyItsModels, AsksWhatItsModelsCanDo),
        *(SaysWhyInItsOwnWords, WantsAnotherTool, ClosesOnce, CannotBeLeft, Miscounts),
    ]
    return [
        zg.ProviderSpec(
            name=kind.__name__.lower(),
            factory=f"{__name__}:{kind.__name__}",
            default_model="any",
        )
        for kind in kinds
    ]
