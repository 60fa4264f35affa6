"""Scenes to draw: the models of textbooks, and generated ones."""

from __future__ import annotations

import random
from dataclasses import replace

from pgmlang.drawing import Mark, Scene, SceneEdge, SceneNode, ScenePlate


def scene(title: str, nodes: dict[str, str], edges: str, plates: dict[str, str] | None = None) -> Scene:
    """Nodes ``name: "kind flags @plate/plate"``, edges ``a->b a--b a~>b`` (dashed), plates ``name: parents``."""
    made = []
    for name, words in nodes.items():
        parts = words.split()
        where = next((p[1:] for p in parts if p.startswith("@")), "")
        kind = next((p for p in parts if p in ("param", "input", "derived", "factor", "net")), "random")
        label = "" if kind == "factor" else name
        made.append(SceneNode(name, label, kind, "observed" in parts, tuple(where.split("/")) if where else ()))
    lines = []
    for word in edges.split():
        for mark, directed, dashed in (("->", True, False), ("~>", True, True), ("--", False, False)):
            if mark in word:
                a, b = word.split(mark)
                lines.append(SceneEdge(a, b, directed, dashed))
    boxes = tuple(ScenePlate(name, name, tuple(parents.split())) for name, parents in (plates or {}).items())
    return Scene(title, tuple(made), tuple(lines), boxes)


SPRINKLER = scene(
    "sprinkler",
    {"cloudy": "@day", "sprinkler": "@day", "rain": "@day", "wet_grass": "observed @day"},
    "cloudy->sprinkler cloudy->rain sprinkler->wet_grass rain->wet_grass",
    {"day": ""},
)
ASIA = scene(
    "asia",
    dict.fromkeys(["asia", "tub", "smoke", "lung", "bronc", "either", "xray", "dysp"], "@patient"),
    "asia->tub smoke->lung smoke->bronc tub->either lung->either either->xray either->dysp bronc->dysp",
    {"patient": ""},
)
SCHOOLS = scene(
    "eight schools",
    {"mu": "", "tau": "", "sd": "input @school", "theta": "@school", "y": "observed @school"},
    "mu->theta tau->theta theta->y sd->y",
    {"school": ""},
)
GMM = scene(
    "mixture",
    {"share": "", "mean": "@cluster", "sd": "@cluster", "z": "@row", "x": "observed @row"},
    "share->z z->x mean->x sd->x",
    {"cluster": "", "row": ""},
)
LDA = scene(
    "lda",
    {"phi": "@topic", "theta": "@doc", "z": "@doc/token", "w": "observed @doc/token"},
    "theta->z z->w phi->w",
    {"topic": "", "doc": "", "token": "doc"},
)
LDA_PRIORS = scene(
    "lda with priors",
    {
        "alpha": "param",
        "beta": "param",
        "phi": "@topic",
        "theta": "@doc",
        "z": "@doc/token",
        "w": "observed @doc/token",
    },
    "alpha->theta beta->phi theta->z z->w phi->w",
    {"topic": "", "doc": "", "token": "doc"},
)
CROSSED = scene(
    "ratings",
    {"u": "@user", "v": "@item", "noise": "param", "r": "observed @user/item/rating"},
    "u->r v->r noise->r",
    {"user": "", "item": "", "rating": "user item"},
)
CROSSED_BARE = scene("bare crossing", {"r": "observed @user/item"}, "", {"user": "", "item": ""})
THREE_WAY = scene(
    "three crossed",
    {"a": "@A", "b": "@B", "c": "@C", "ab": "@A/B", "bc": "@B/C", "ca": "@C/A"},
    "a->ab b->ab b->bc c->bc c->ca a->ca",
    {"A": "", "B": "", "C": ""},
)
ISING = scene(
    "ising",
    {"J": "param", "B": "param", "s": "@site", "pair": "factor @bond", "unary": "factor @site"},
    "J--pair s--pair s--unary B--unary",
    {"site": "", "bond": ""},
)
HMM = scene(
    "hmm",
    {"start": "param", "trans": "param", "emit": "param", "z": "@seq/time", "x": "observed @seq/time"},
    "start->z trans->z z~>z z->x emit->x",
    {"seq": "", "time": "seq"},
)
RBM = scene(
    "rbm",
    {
        "v": "observed @image/pixel",
        "h": "@image/hidden",
        "W": "param",
        "b": "param",
        "c": "param",
        "energy": "factor @image",
    },
    "v--energy h--energy W--energy b--energy c--energy",
    {"image": "", "pixel": "image", "hidden": "image"},
)
RBM_PLAIN = scene(
    "rbm",
    {"v": "observed", "h": "", "W": "param", "b": "param", "c": "param", "energy": "factor"},
    "v--energy h--energy W--energy b--energy c--energy",
)
VAE = scene("vae", {"decode": "net", "z": "@image", "x": "observed @image"}, "decode->x z->x x~>z", {"image": ""})
DBN = scene(
    "dbn",
    {"rain": "@time", "season": "@time", "umbrella": "observed @time", "mood": "derived @time"},
    "rain~>rain season~>season season->rain rain~>season rain->umbrella season->mood umbrella->mood",
    {"time": ""},
)
GRID = scene(
    "grid field",
    {
        **{f"s{i}{j}": "" for i in range(3) for j in range(3)},
        **{f"h{i}{j}": "factor" for i in range(3) for j in range(2)},
        **{f"v{i}{j}": "factor" for i in range(2) for j in range(3)},
    },
    " ".join(
        [f"s{i}{j}--h{i}{j} h{i}{j}--s{i}{j + 1}" for i in range(3) for j in range(2)]
        + [f"s{i}{j}--v{i}{j} v{i}{j}--s{i + 1}{j}" for i in range(2) for j in range(3)]
    ),
)
LINEAR = scene(
    "regression",
    {"intercept": "", "slope": "", "sigma": "", "x": "input @row", "mean": "derived @row", "y": "observed @row"},
    "intercept->mean slope->mean x->mean mean->y sigma->y",
    {"row": ""},
)
NESTED = scene(
    "three levels",
    {
        "top": "",
        "state": "@state",
        "county": "@state/county",
        "w": "input @state/county",
        "y": "observed @state/county/house",
        "size": "input @state/county/house",
        "beta": "",
        "sigma": "",
    },
    "top->state state->county w->county county->y size->y beta->y sigma->y",
    {"state": "", "county": "state", "house": "county"},
)
ONE = scene("one", {"x": ""}, "")
NONE = scene("none", {}, "")


def random_dag(count: int, edges: int, seed: int, reach: int = 10, plate: str = "") -> Scene:
    """A random acyclic network with mostly short edges, as large networks of experts have."""
    draw = random.Random(seed)
    chosen: dict[tuple[int, int], None] = {}
    while len(chosen) < edges:
        b = draw.randrange(1, count)
        chosen[(max(0, b - draw.randint(1, reach)), b)] = None
    nodes = {f"n{i}": f"@{plate}" if plate else "" for i in range(count)}
    return scene(f"dag {count}", nodes, " ".join(f"n{a}->n{b}" for a, b in chosen), {plate: ""} if plate else None)


def generations(families: int, seed: int) -> Scene:
    """A wide and shallow network, as pedigrees are: children of pairs, grandchildren, and a sign of each."""
    draw = random.Random(seed)
    edges = []
    for k in range(families):
        for child in range(draw.randint(1, 3)):
            edges += [f"m{k}->c{k}_{child}", f"f{k}->c{k}_{child}", f"c{k}_{child}->s{k}_{child}"]
        if k:
            edges += [f"c{k}_0->g{k}", f"c{draw.randrange(k)}_0->g{k}"]
    names = dict.fromkeys(name for edge in edges for name in edge.split("->"))
    return scene(f"generations {families}", dict.fromkeys(names, ""), " ".join(edges))


ALARM = random_dag(37, 46, 3, 14)
NAMED = {name.lower(): value for name, value in globals().items() if isinstance(value, Scene)}


def random_plated(seed: int) -> Scene:
    """Random plates (nested, crossed, empty), nodes of all kinds in them, and edges with cycles and loops."""
    draw = random.Random(seed)
    plates: dict[str, ScenePlate] = {}
    closure: dict[str, set[str]] = {}
    for i in range(draw.randint(0, 6)):
        parents = tuple(draw.sample(sorted(plates), min(len(plates), draw.choice((0, 0, 1, 1, 2)))))
        plates[f"p{i}"] = ScenePlate(f"p{i}", draw.choice(("row", "a rather long label", "t")), parents)
        closure[f"p{i}"] = {f"p{i}"}.union(*(closure[p] for p in parents))
    nodes = []
    for i in range(draw.randint(1, 22)):
        chosen = draw.sample(sorted(plates), min(len(plates), draw.choice((0, 1, 1, 1, 2))))
        inside = set().union(*(closure[p] for p in chosen))
        kind = draw.choice(("random", "random", "random", "param", "input", "derived", "factor", "net"))
        label = draw.choice((f"n{i}", f"a_long_name_{i}", "世界", ""))
        nodes.append(SceneNode(f"n{i}", label, kind, draw.random() < 0.3, tuple(sorted(inside))))
    edges = []
    for _ in range(draw.randint(0, 2 * len(nodes))):
        a, b = draw.randrange(len(nodes)), draw.randrange(len(nodes))
        if a > b and draw.random() < 0.9:
            a, b = b, a
        edges.append(SceneEdge(f"n{a}", f"n{b}", draw.random() < 0.8, draw.random() < 0.2))
    return Scene(f"random {seed}", tuple(nodes), tuple(edges), tuple(plates.values()))


def dressed(plain: Scene, seed: int) -> Scene:
    """The scene with marks and lines in some of its nodes, evidence among them, and a legend."""
    draw = random.Random(seed)

    def node(old: SceneNode) -> SceneNode:
        lines = tuple(
            draw.choice(("~ Normal(mu, tau)", "4.4 ± 3.3", "世")) for _ in range(draw.choice((0, 0, 1, 2)))
        )
        count = draw.choice((0, 0, 2, 3, 8)) if old.kind in ("random", "derived", "input", "param") else 0
        marks = tuple(
            Mark(
                draw.choice(("yes", "a long label of a state")),
                0.0,
                draw.random(),
                "12.3 %",
                draw.choice((None, 0.5)),
            )
            for _ in range(count)
        )
        return replace(old, lines=lines, marks=marks, is_evidence=draw.random() < 0.2)

    words = tuple(f"setting_{i} = {i}" for i in range(draw.randint(0, 9)))
    return replace(plain, title=f"dressed {plain.title}", nodes=tuple(map(node, plain.nodes)), legend=words)
