"""A FastAPI service with one `async def` route that does no work: the upper limit of a request rate."""

from fastapi import FastAPI

from scripts.bench.service import serve, service_arguments

PATH = "/"

app = FastAPI()


@app.get(PATH)
async def nothing() -> None:
    """Return null."""


if __name__ == "__main__":
    serve(app, int(service_arguments("bare_service")[0]))
