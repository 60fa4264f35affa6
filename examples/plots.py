"""The pictures of the examples: ``python plots.py NAME FIT OUT.png``, or a table of predictions for FIT (needs matplotlib, pandas).

The data are read from the folders beside this file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

import pgmlang

matplotlib.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent


def mosaic(axis, images: np.ndarray, columns: int, side: int = 8, title: str = "") -> None:
    """Small pictures, ``[n, side * side]``, in rows."""
    rows = len(images) // columns
    frame = np.full((rows * (side + 1) + 1, columns * (side + 1) + 1), np.nan)
    for i in range(rows * columns):
        r, c = divmod(i, columns)
        at = (slice(r * (side + 1) + 1, (r + 1) * (side + 1)), slice(c * (side + 1) + 1, (c + 1) * (side + 1)))
        frame[at] = images[i].reshape(side, side)
    axis.imshow(frame, cmap="gray_r")
    axis.set_title(title)
    axis.axis("off")


def pixels(columns: dict, name: str = "v", count: int = 64) -> np.ndarray:
    return np.stack([np.asarray(columns[f"{name}.{i}"], dtype=float) for i in range(count)], 1)


def rbm(fit: pgmlang.FittedModel, figure) -> None:
    left, right = figure.subplots(1, 2)
    mosaic(left, fit.params["W"].T[:64], 8, title="weights of the hidden units")
    mosaic(right, pixels(fit.sample_columns(64, seed=1).columns), 8, title="draws of the model")


def draws_of_images(fit: pgmlang.FittedModel, figure) -> None:
    left, right = figure.subplots(1, 2)
    data = pd.read_csv(HERE / "digits" / "train.csv").to_numpy(dtype=float)[:64]
    mosaic(left, data, 8, title="data")
    mosaic(right, pixels(fit.sample_columns(64, seed=1).columns), 8, title="draws of the model")


def logistic(fit: pgmlang.FittedModel, figure) -> None:
    axis = figure.subplots()
    names = ["radius", "texture", "smoothness", "concavity", "symmetry"]
    draws = fit.draws["weight"].reshape(-1, 5)
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
    axis.errorbar(middle, range(5), xerr=[middle - low, high - middle], fmt="o", color="black")
    axis.axvline(0, color="grey", lw=0.8)
    axis.set_yticks(range(5), names)
    axis.set_xlabel("weight (median and 90 % interval)")


def iris(fit: pgmlang.FittedModel, figure) -> None:
    axis = figure.subplots()
    data = pd.read_csv(HERE / "iris" / "iris.csv")
    clusters = fit.predict_columns(data[["petal_length", "petal_width"]]).columns["z"]
    species = data["species"].to_numpy()
    for marker, kind in zip("o^s", sorted(set(species)), strict=True):
        chosen = species == kind
        axis.scatter(data["petal_length"][chosen], data["petal_width"][chosen], c=[f"C{c}" for c in np.array(clusters)[chosen]],
                     marker=marker, label=kind)  # fmt: skip
    for k, (mean, variance) in enumerate(zip(fit.params["mean"], fit.params["variance"], strict=True)):
        sd = np.sqrt(variance)
        angle = np.linspace(0, 2 * np.pi, 100)
        axis.plot(mean[0] + 2 * sd[0] * np.cos(angle), mean[1] + 2 * sd[1] * np.sin(angle), color=f"C{k}")
    axis.legend(title="species (colour: cluster)")
    axis.set_xlabel("petal length, cm")
    axis.set_ylabel("petal width, cm")


def topics(fit: pgmlang.FittedModel, figure) -> None:
    axis = figure.subplots()
    phi = fit.draws["phi"].mean((0, 1))
    words = np.array(fit.record.model.axis_labels("word"))
    share = fit.draws["theta"].mean((0, 1)).mean(0)
    axis.axis("off")
    lines = [f"{share[k]:5.1%}  " + " ".join(words[np.argsort(-phi[k])[:5]]) for k in np.argsort(-share)]
    axis.text(0, 1, "\n".join(lines), family="monospace", va="top", fontsize=11)
    axis.set_title("the five likeliest words of each topic", loc="left")


def quakes(fit: pgmlang.FittedModel, figure) -> None:
    axis = figure.subplots()
    data = pd.read_csv(HERE / "quakes" / "quakes.csv")
    found = fit.predict_columns(data).columns
    rate = sum(found[f"P(z = {k})"] * fit.params["rate"][k] for k in range(3))
    axis.bar(data["year"], data["count"], color="lightgrey", width=1)
    axis.step(data["year"], rate, where="mid", color="C3")
    axis.set_xlabel("year")
    axis.set_ylabel("earthquakes, and the expected rate")


def denoise(fit: pgmlang.FittedModel, figure) -> None:
    noisy = pd.read_csv(HERE / "denoise" / "noisy.csv").to_numpy().reshape(40, 120)
    clean = pd.read_csv(HERE / "denoise" / "clean.csv").to_numpy().reshape(40, 120)
    chance = fit.draws["s"][:, :, 0].mean((0, 1)).reshape(40, 120)
    wrong = ((chance > 0.5) != (clean > 0)).mean()
    plain = ((noisy > 0) != (clean > 0)).mean()
    titles = (f"what is seen ({plain:.1%} of signs wrong)", f"P(ink | seen) ({wrong:.1%} wrong)", "the picture")
    for axis, image, title in zip(figure.subplots(3, 1), (noisy, chance, clean), titles, strict=True):
        axis.imshow(image, cmap="gray_r")
        axis.set_title(title, fontsize=9)
        axis.axis("off")


def energy(fit: pgmlang.FittedModel, figure) -> None:
    axis = figure.subplots()
    data = pd.read_csv(HERE / "energy" / "petals.csv")
    line = np.linspace(-2.5, 2.5, 80)
    x, y = np.meshgrid(line, line)
    log_density = fit.score({"x1": x.ravel(), "x2": y.ravel()}).reshape(80, 80)
    axis.contourf(x, y, np.maximum(log_density, -8), 20, cmap="Blues")
    axis.scatter(data["x1"], data["x2"], s=6, color="black")
    axis.set_xlabel("petal length, scaled")
    axis.set_ylabel("petal width, scaled")


def ising(fit: pgmlang.FittedModel, figure) -> None:
    left, right = figure.subplots(1, 2)
    data = pd.read_csv(HERE / "ising" / "digits.csv").to_numpy(dtype=float)[:64]
    mosaic(left, data, 8, title="data")
    title = f"draws of the model: J = {float(fit.params['J']):.3f}, B = {float(fit.params['B']):.3f}"
    mosaic(right, pixels(fit.sample_columns(64, seed=1).columns, "s"), 8, title=title)


def tagging(fit: pgmlang.FittedModel, figure) -> None:
    """Weights of the properties, and two sentences with the probability that a word is code."""
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.6])
    data = pd.read_csv(HERE / "tagging" / "test.csv", keep_default_na=False)
    names = [c.removeprefix("f.").replace("_", " ") for c in data if c.startswith("f.")]
    weight = fit.params["weight"]
    left.barh(range(len(names)), weight, color="grey")
    left.set_yticks(range(len(names)), names, fontsize=8)
    left.set_title("weight towards code", fontsize=9)
    chance = np.asarray(fit.predict_columns(data, hide=["y"]).columns["P(y = code)"], dtype=float)
    right.axis("off")
    right.set_title("P(code) of words; framed: marked as code", fontsize=9)
    found = data.assign(p=chance).groupby("sentence")
    best = [s for _, s in found if 6 <= len(s) <= 11 and (s["y"] == "code").any()][:9]
    for row, sentence in enumerate(best):
        for k, (word, y, p) in enumerate(zip(sentence["word"], sentence["y"], sentence["p"], strict=True)):
            right.text(k / 11, 1 - (row + 1) / 10, word[:11], fontsize=6.5, transform=right.transAxes,
                       bbox={"facecolor": (1, 0.55, 0.1, float(p)), "edgecolor": "black" if y == "code" else "none",
                             "pad": 1})  # fmt: skip


def nile(table: pd.DataFrame, figure) -> None:
    """What `pgmc predict level.pgm nile.csv -o level.csv` writes: the level with its interval."""
    axis = figure.subplots()
    data = pd.read_csv(HERE / "nile" / "nile.csv")
    axis.plot(data["year"], data["flow"], "o", color="grey", markersize=3)
    axis.plot(data["year"], table["level"], color="C0")
    axis.fill_between(data["year"], table["level.q5"], table["level.q95"], color="C0", alpha=0.2)
    axis.axvline(1899, color="black", linewidth=0.8, linestyle=":")
    axis.set_xlabel("year (dotted: the dam)")
    axis.set_ylabel("flow, 10^10 cubic metres")


def penguins(fit: pgmlang.FittedModel, figure) -> None:
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    data = pd.read_csv(HERE / "penguins" / "penguins.csv")
    drawn = pd.DataFrame(fit.sample_columns(len(data), seed=1).columns)
    for axis, table, title in ((left, data, "penguins"), (right, drawn, "birds drawn from the model")):
        for k, species in enumerate(["Adelie", "Chinstrap", "Gentoo"]):
            for marker, sex in (("o", "female"), ("^", "male")):
                of_kind = table[(table["species"] == species) & (table["sex"] == sex)]
                axis.scatter(of_kind["bill_length_mm"], of_kind["bill_depth_mm"], s=12, color=f"C{k}", marker=marker,
                             label=f"{species}, {sex}")  # fmt: skip
        axis.set_title(title)
        axis.set_xlabel("bill length, mm")
    left.set_ylabel("bill depth, mm")
    right.legend(fontsize=7)


def titanic(fit: pgmlang.FittedModel, figure) -> None:
    axis = figure.subplots()
    classes = ["1st", "2nd", "3rd", "Crew"]
    for k, sex in enumerate(["female", "male"]):
        asked = [fit.query(f'P(survived | class = "{c}", sex = {sex})').probabilities["yes"] for c in classes]
        axis.bar(np.arange(4) + 0.4 * k - 0.2, asked, 0.38, label=sex, color=f"C{k}")
    axis.set_xticks(range(4), classes)
    axis.set_ylim(0, 1)
    axis.set_ylabel("P(survived)")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)


def schools(fit: pgmlang.FittedModel, figure) -> None:
    """What each school reports, and what it comes to beside the others."""
    axis = figure.subplots()
    data = pd.read_csv(HERE / "schools" / "schools.csv")
    effect = fit.draws["mu"][..., None] + fit.draws["tau"][..., None] * fit.draws["effect"]
    low, middle, high = np.quantile(effect.reshape(-1, len(data)), [0.05, 0.5, 0.95], axis=0)
    rows = np.arange(len(data))[::-1]
    axis.errorbar(data["y"], rows + 0.15, xerr=1.645 * data["sd"], fmt="o", color="lightgrey", label="as reported")
    axis.errorbar(
        middle, rows - 0.15, xerr=[middle - low, high - middle], fmt="o", color="C0", label="partly pooled"
    )
    axis.set_yticks(rows, data["school"])
    axis.set_xlabel("effect of coaching, points (90 % intervals)")
    axis.legend()


def hares(fit: pgmlang.FittedModel, figure) -> None:
    """Pelts, and the populations behind them with their 90 % intervals."""
    axis = figure.subplots()
    data = pd.read_csv(HERE / "hares" / "hares.csv")
    for k, (seen, behind) in enumerate((("hare", "hares"), ("lynx", "lynxes"))):
        low, middle, high = np.quantile(fit.draws[behind].reshape(-1, len(data)), [0.05, 0.5, 0.95], axis=0)
        axis.plot(data["year"], data[seen], "o", color=f"C{k}", markersize=4)
        axis.plot(data["year"], middle, color=f"C{k}", label=behind)
        axis.fill_between(data["year"], low, high, color=f"C{k}", alpha=0.2)
    axis.set_xticks(range(1900, 1921, 5))
    axis.set_ylabel("thousands of pelts a year")
    axis.legend()


def trials(fit: pgmlang.FittedModel, figure) -> None:
    """Log odds ratios as each trial alone has them, and beside the others."""
    axis = figure.subplots()
    data = pd.read_csv(HERE / "trials" / "trials.csv")
    treated, control = (
        np.log(data[d] / (data[n] - data[d]))
        for d, n in (("died_treated", "treated"), ("died_control", "control"))
    )
    error = np.sqrt(
        sum(
            1 / data[d] + 1 / (data[n] - data[d])
            for d, n in (("died_treated", "treated"), ("died_control", "control"))
        )
    )
    delta = np.column_stack([fit.draws["delta"].reshape(-1, len(data)), fit.draws["next_trial"].reshape(-1, 1)])
    low, middle, high = np.quantile(delta, [0.05, 0.5, 0.95], axis=0)
    rows = np.arange(len(data) + 1)[::-1]
    axis.errorbar(
        treated - control,
        rows[:-1] + 0.2,
        xerr=1.645 * error,
        fmt="o",
        ms=4,
        color="lightgrey",
        label="each alone",
    )
    axis.errorbar(
        middle, rows - 0.2, xerr=[middle - low, high - middle], fmt="o", ms=4, color="C0", label="together"
    )
    axis.axvline(0, color="grey", lw=0.8)
    axis.set_yticks(rows, [*data["trial"], "the next"])
    axis.set_xlabel("log odds ratio of death (90 % intervals)")
    axis.legend(loc="lower right")


def rats(fit: pgmlang.FittedModel, figure) -> None:
    """Five rats, one of each pattern of missing weights: what was seen, and what is said of the rest."""
    data = pd.read_csv(HERE / "rats" / "rats.csv")
    told = fit.predict(HERE / "rats" / "rats.csv")
    days = [8, 15, 22, 29, 36]
    for axis, row in zip(figure.subplots(1, 5, sharey=True), (0, 5, 10, 15, 25), strict=True):
        seen = data.loc[row, [f"d{d}" for d in days]].to_numpy(dtype=float)
        low, middle, high = (
            np.array([float(np.asarray(told[f"weight[d{d}]{part}"])[row]) for d in days])
            for part in (".q5", "", ".q95")
        )
        axis.fill_between(days, low, high, color="C0", alpha=0.25, lw=0)
        axis.plot(days, middle, color="C0", lw=1)
        axis.plot(days, seen, "o", color="black", ms=4)
        axis.set_title(data.loc[row, "rat"])
        axis.set_xticks(days)
    figure.supxlabel("age, days")
    figure.supylabel("weight, g")


def sprint(fit: pgmlang.FittedModel, figure) -> None:
    """Winning times, and what a race of any year would be won in, with its 90 % interval."""
    axis = figure.subplots()
    data = pd.read_csv(HERE / "sprint" / "sprint.csv")
    run = data.dropna()
    years, line = run["year"], np.arange(1894, 2049)
    told = fit.predict({"year": line})
    axis.fill_between(line, told["seconds.q5"], told["seconds.q95"], color="C0", alpha=0.2)
    axis.plot(line, told["seconds"], color="C0")
    axis.plot(years, run["seconds"], "o", color="black", markersize=4)
    gaps = data["seconds"].isna().to_numpy()
    missing = fit.draws["seconds"].reshape(-1, len(data))[:, gaps]
    low, middle, high = np.quantile(missing, [0.05, 0.5, 0.95], axis=0)
    axis.errorbar(
        data["year"][gaps], middle, yerr=[middle - low, high - middle], fmt="o", color="C3", markersize=4
    )
    axis.set_ylabel("seconds")


def dippers(fit: pgmlang.FittedModel, figure) -> None:
    """What each of the chances is, by the fit's draws."""
    axis = figure.subplots()
    names = {
        "survive_dry": "a year survived, dry",
        "survive_flood": "a year survived, floods",
        "seen_if_alive": "seen, if alive",
    }
    for k, (name, words) in enumerate(names.items()):
        axis.hist(fit.draws[name].ravel(), bins=60, density=True, color=f"C{k}", alpha=0.6, label=words)
    axis.set_xlim(0.3, 1)
    axis.set_xlabel("chance")
    axis.set_yticks([])
    axis.legend()


PICTURES = {
    "trials": (trials, (6, 6.5)), "rats": (rats, (9, 3)),
    "sprint": (sprint, (8, 3.5)), "dippers": (dippers, (8, 3)),
    "hares": (hares, (8, 3.5)),
    "titanic": (titanic, (6, 3.5)), "schools": (schools, (6, 4)),
    "penguins": (penguins, (9, 4)), "nile": (nile, (8, 3)),
    "ising": (ising, (9, 4.5)), "tagging": (tagging, (11, 3.8)),
    "rbm": (rbm, (9, 4.5)), "sbn": (draws_of_images, (9, 4.5)), "vae": (draws_of_images, (9, 4.5)),
    "dbn": (draws_of_images, (9, 4.5)), "logistic": (logistic, (6, 3)), "iris": (iris, (6, 4.5)),
    "topics": (topics, (6, 3)), "quakes": (quakes, (8, 3.5)), "denoise": (denoise, (7, 6)), "energy": (energy, (5.5, 4.5)),
}  # fmt: skip


def main() -> None:
    name, folder, out = sys.argv[1:]
    draw, size = PICTURES[name]
    figure = plt.figure(figsize=size, layout="constrained")
    draw(pd.read_csv(folder) if folder.endswith(".csv") else pgmlang.load(folder), figure)
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    main()
