"""The least that FastAPI can be: an `async def` route that does nothing."""

import sys

from fastapi import FastAPI

from scripts.bench.service import serve

PATH = "/"

app = FastAPI()


@app.get(PATH)
async def nothing() -> None:
    """Answers null."""


if __name__ == "__main__":
    serve(app, int(sys.argv[1]))
