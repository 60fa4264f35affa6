"""A picture of how many parameters a fit has."""

from pgmlang.plots import Kind, Request


def _draw(request: Request):
    from matplotlib import pyplot

    figure = pyplot.figure()
    figure.subplots().bar(list(request.fit.parameters), [v.size for v in request.fit.parameters.values()])
    return figure


KIND = Kind(
    "sizes", "how many numbers each parameter has", lambda fit: "" if fit.parameters else "it has none", _draw
)
