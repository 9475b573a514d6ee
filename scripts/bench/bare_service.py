"""The least that FastAPI can be: an `async def` route that does nothing."""

from fastapi import FastAPI

from scripts.bench.service import asked, serve

PATH = "/"

app = FastAPI()


@app.get(PATH)
async def nothing() -> None:
    """Answers null."""


if __name__ == "__main__":
    serve(app, int(asked("bare_service")[0]))
