"""Section 4.2, fine-tuning: code of its exercises. The words are in s2_fine_tuning.en.md."""

import re

import numpy as np

from exercises import Case, Exercise

# 4.2.1 a few labels of each class -------------------------------------------------------------------


def few_rows(y, classes, each, order):
    """Row numbers of the first `each` rows of every class, in a given order -> array (classes * each,)

    y (N,) labels 0 ... classes - 1; order (N,) the row numbers 0 ... N - 1, shuffled: arrays. Class by class.
    Raises ValueError that names a class with fewer rows, and how many it has.
    """
    found = []
    for label in range(classes):
        rows = order[y[order] == label]
        if len(rows) < each:
            raise ValueError(f"class {label} has {len(rows)} rows, {each} are wanted: ask for fewer")
        found.append(rows[:each])
    return np.concatenate(found)


def goes_through_the_rows_as_they_stand(y, classes, each, order):
    return few_rows(y, classes, each, np.arange(len(y)))


def takes_the_beginning_of_the_order(y, classes, each, order):
    few_rows(y, classes, each, order)
    return order[: classes * each]


def gives_places_in_the_order(y, classes, each, order):
    few_rows(y, classes, each, order)
    return np.concatenate([np.flatnonzero(y[order] == label)[:each] for label in range(classes)])


def takes_what_a_rare_class_has(y, classes, each, order):
    return np.concatenate([order[y[order] == label][:each] for label in range(classes)])


def sorts_the_rows_of_a_class(y, classes, each, order):
    return np.sort(few_rows(y, classes, each, order).reshape(classes, each), axis=1).reshape(-1)


def keeps_the_order_of_all(y, classes, each, order):
    return order[np.isin(order, few_rows(y, classes, each, order))]


def draw_labels(rng):
    classes, each = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    y = np.repeat(np.arange(classes), rng.integers(each, each + 3, size=classes))
    if rng.integers(5) == 0:
        rare = int(rng.integers(classes))
        y = y[y != rare]  # a class without a row
        order = rng.permutation(len(y))
        return Case((y, classes, each, order), raises=ValueError, mentions=(rare, 0))
    y = rng.permutation(y)
    return y, classes, each, rng.permutation(len(y))


# 4.2.2 a learning rate for each part ----------------------------------------------------------------


def part_rates(parts, top, factor=1, frozen=0):
    """Learning rates of the parts of a network, from the pictures to the head -> a list of floats

    parts: how many; top: the rate of the last one; each part before it has 1 / factor of the next one's; the
    first `frozen` parts have 0. Raises ValueError that names both numbers unless 0 <= frozen < parts.
    """
    if not 0 <= frozen < parts:
        raise ValueError(f"frozen={frozen} of {parts} parts: at least one part must learn")
    rates = [top / factor ** (parts - 1 - part) for part in range(parts)]
    return [0.0] * frozen + rates[frozen:]


def gives_the_first_part_the_top_rate(parts, top, factor=1, frozen=0):
    part_rates(parts, top, factor, frozen)
    return [0.0] * frozen + [top / factor**part for part in range(parts)][frozen:]


def divides_once(parts, top, factor=1, frozen=0):
    part_rates(parts, top, factor, frozen)
    return [0.0] * frozen + [top / factor] * (parts - 1 - frozen) + [top]


def divides_the_last_part_too(parts, top, factor=1, frozen=0):
    return [rate / factor for rate in part_rates(parts, top, factor, frozen)]


def makes_early_parts_faster(parts, top, factor=1, frozen=0):
    return part_rates(parts, top, 1 / factor, frozen)


def freezes_the_last_parts(parts, top, factor=1, frozen=0):
    rates = part_rates(parts, top, factor)
    part_rates(parts, top, factor, frozen)
    return rates[: parts - frozen] + [0.0] * frozen


def leaves_the_frozen_parts_out(parts, top, factor=1, frozen=0):
    return part_rates(parts, top, factor, frozen)[frozen:]


def freezes_everything_when_asked(parts, top, factor=1, frozen=0):
    if frozen == parts:
        return [0.0] * parts
    return part_rates(parts, top, factor, frozen)


def draw_rates(rng):
    parts = int(rng.integers(1, 7))
    top = float(rng.choice([1.0, 0.5, 0.01, 8.0]))
    factor = int(rng.choice([1, 2, 3, 4]))
    if rng.integers(6) == 0:
        frozen = int(rng.choice([-1, parts, parts + 2]))
        return Case((parts, top, factor, frozen), raises=ValueError, mentions=(frozen, parts))
    return parts, top, factor, int(rng.integers(parts))


# 4.2.3 what a task leaves to be stored --------------------------------------------------------------


def bytes_to_store(before, after):
    """Bytes of the arrays that make `after` out of `before`: those that are new or not the same -> int

    before, after: dictionaries of arrays by name, as of a network's weights and averages. An array counts
    with all its bytes as soon as its shape or one number in it differs.
    """
    return sum(
        value.nbytes
        for name, value in after.items()
        if name not in before or not np.array_equal(before[name], value)
    )


def counts_all_arrays(before, after):
    return sum(value.nbytes for value in after.values())


def counts_numbers_not_bytes(before, after):
    return sum(
        value.size
        for name, value in after.items()
        if name not in before or not np.array_equal(before[name], value)
    )


def counts_new_names_only(before, after):
    return sum(value.nbytes for name, value in after.items() if name not in before)


def forgets_new_names(before, after):
    return sum(
        value.nbytes
        for name, value in after.items()
        if name in before and not np.array_equal(before[name], value)
    )


def counts_only_the_numbers_that_differ(before, after):
    total = 0
    for name, value in after.items():
        if name not in before or before[name].shape != value.shape:
            total += value.nbytes
        else:
            total += int((before[name] != value).sum()) * value.itemsize
    return total


def compares_shapes_only(before, after):
    return sum(
        value.nbytes
        for name, value in after.items()
        if name not in before or before[name].shape != value.shape
    )


def counts_four_bytes_for_each_number(before, after):
    return 4 * counts_numbers_not_bytes(before, after)


def compares_the_sums(before, after):
    return sum(
        value.nbytes
        for name, value in after.items()
        if name not in before or before[name].sum() != value.sum() or before[name].shape != value.shape
    )


def takes_nearly_the_same_for_the_same(before, after):
    return sum(
        value.nbytes
        for name, value in after.items()
        if name not in before or before[name].shape != value.shape or not np.allclose(before[name], value)
    )


def draw_states(rng):
    before, after = {}, {}
    for name in ("stem", "stage", "mean", "head")[: int(rng.integers(1, 5))]:
        kind = (np.float32, np.float64, np.int64)[int(rng.integers(3))]
        value = rng.integers(-3, 4, size=int(rng.integers(1, 4))).astype(kind)
        what = int(rng.integers(6))
        if what != 0:
            before[name] = value
        changed = value.copy()
        if what == 1:
            changed[int(rng.integers(len(value)))] += 1
        elif what == 2:
            changed = np.concatenate([value, value])
        elif what == 3:
            changed = value[::-1].copy()
        after[name] = changed
    if rng.integers(4) == 0:
        before["old head"] = np.ones(2, np.float32)  # no longer needed
    return before, after


# 4.2.4 two thin matrices become one weight ----------------------------------------------------------


def merged(weight, A, B, alpha):
    """The weight that does what the layer and its LoRA do together: weight + alpha / r · B A -> as weight

    Arrays. Linear layer: weight (out, in), A (r, in), B (out, r). Convolution: weight (out, in, k, k),
    A (r, in, k, k), B (out, r). alpha a number.
    """
    return weight + alpha / len(A) * np.tensordot(B, A, axes=1)


def forgets_alpha_and_rank(weight, A, B, alpha):
    return weight + np.tensordot(B, A, axes=1)


def forgets_to_divide_by_the_rank(weight, A, B, alpha):
    return weight + alpha * np.tensordot(B, A, axes=1)


def divides_by_the_inputs(weight, A, B, alpha):
    return weight + alpha / A.shape[1] * np.tensordot(B, A, axes=1)


def divides_by_the_root_of_the_rank(weight, A, B, alpha):
    return weight + alpha / len(A) ** 0.5 * np.tensordot(B, A, axes=1)


def leaves_the_weight_out(weight, A, B, alpha):
    return alpha / len(A) * np.tensordot(B, A, axes=1)


def multiplies_with_at(weight, A, B, alpha):
    return weight + alpha / len(A) * (B @ A)


def scales_the_weight_too(weight, A, B, alpha):
    return alpha / len(A) * (weight + np.tensordot(B, A, axes=1))


def draw_thin(rng):
    outputs, inputs, rank = (int(n) for n in rng.integers(1, 4, size=3))
    kernel = () if rng.integers(2) else (int(rng.integers(1, 3)),) * 2
    weight, A = (rng.integers(-3, 4, size=(n, inputs, *kernel)).astype(float) for n in (outputs, rank))
    return weight, A, rng.integers(-2, 3, size=(outputs, rank)).astype(float), int(rng.integers(1, 9))


# 4.2.5 how much was forgotten -----------------------------------------------------------------------


def forgetting(scores):
    """Mean loss on the earlier tasks: each one's best score before the last training minus its last -> float

    scores (T, T), an array: row i after training on task i, column j the share right on task j; nan where
    task j has not been learnt yet. Raises ValueError that names T if there is no earlier task.
    """
    tasks = len(scores)
    if tasks < 2:
        raise ValueError(f"{tasks} task: with no earlier one nothing can be forgotten")
    best = np.nanmax(scores[:-1, :-1], axis=0)
    return float((best - scores[-1, :-1]).mean())


def compares_with_the_score_right_after_learning(scores):
    forgetting(scores)
    return float((np.diag(scores)[:-1] - scores[-1, :-1]).mean())


def counts_the_last_task_too(scores):
    return forgetting(scores) * (len(scores) - 1) / len(scores)


def gives_a_gain_as_none(scores):
    forgetting(scores)
    return float((np.nanmax(scores[:, :-1], axis=0) - scores[-1, :-1]).mean())


def turns_the_sign(scores):
    return -forgetting(scores)


def does_not_leave_nan_out(scores):
    forgetting(scores)
    return float((scores[:-1, :-1].max(axis=0) - scores[-1, :-1]).mean())


def exchanges_tasks_and_time(scores):
    return forgetting(scores.T)


def compares_with_the_row_before(scores):
    forgetting(scores)
    return float(np.nanmean(scores[-2, :-1] - scores[-1, :-1]))


def draw_scores(rng):
    tasks = int(rng.integers(1, 5))
    scores = rng.integers(0, 9, size=(tasks, tasks)) / 8
    scores[np.triu_indices(tasks, 1)] = np.nan
    if tasks == 1:
        return Case((scores,), raises=ValueError, mentions=(1,))
    return (scores,)


# 4.2.6 from one naming to another -------------------------------------------------------------------


def our_name(published):
    """The name that a number of a published ResNet has in ours: "layer2.0.conv1.weight" and so on -> str

    Raises ValueError that names it for a name that such a file does not have.
    """
    return _our_name(published)


def _our_name(published, *, stage=1, part=1, kinds=("conv", "bn"), head="head", shortcut="shortcut"):
    place, _, leaf = published.rpartition(".")
    fixed = {"conv1": "stem.0.0", "bn1": "stem.0.1", "fc": head}
    if place in fixed:
        return f"{fixed[place]}.{leaf}"
    found = re.fullmatch(r"layer(\d+)\.(\d+)\.(?:(conv|bn)([12])|downsample\.([01]))", place)
    if not found:
        raise ValueError(f"{published!r} is no name of a published ResNet")
    number, block, kind, which, inner = found.groups()
    begin = f"stages.{int(number) - stage}.{block}"
    if inner is not None:
        return f"{begin}.{shortcut}.{inner}.{leaf}"
    return f"{begin}.parts.{int(which) - part}.{kinds.index(kind)}.{leaf}"


def counts_the_stages_from_one(published):
    return _our_name(published, stage=0)


def counts_the_convolutions_from_one(published):
    return _our_name(published, part=0)


def puts_the_normalisation_first(published):
    return _our_name(published, kinds=("bn", "conv"))


def leaves_the_head_as_it_is(published):
    return _our_name(published, head="fc")


def leaves_the_shortcut_as_it_is(published):
    return _our_name(published, shortcut="downsample")


def hands_on_what_it_does_not_know(published):
    try:
        return _our_name(published)
    except ValueError:
        return published


def draw_names(rng):
    leaf = str(rng.choice(["weight", "bias", "running_mean", "running_var"]))
    places = ["conv1", "bn1", "fc", "conv2", "layer1.0.relu", "features.0"]
    stage, block, which = int(rng.integers(1, 5)), int(rng.integers(12)), int(rng.integers(1, 3))
    places += [f"layer{stage}.{block}.{kind}{which}" for kind in ("conv", "bn")] * 3
    places += [f"layer{stage}.{block}.downsample.{which - 1}"] * 2
    place = str(rng.choice(places))
    name = f"{place}.{leaf}"
    if place in ("conv2", "layer1.0.relu", "features.0"):
        return Case((name,), raises=ValueError, mentions=(name,))
    return (name,)


# 4.2.7 pixels as the weights expect them ------------------------------------------------------------


def prepared(pixels, mean, std):
    """Pixels uint8 (N, H, W, 3) as a network expects them: shares of 255, normalised -> floats (N, 3, H, W)

    mean, std (3,): of red, green and blue, as shares of 255. Raises ValueError that names the type of pixels
    that are not uint8: they have been scaled already.
    """
    _refuse_scaled(pixels)
    return ((pixels / 255 - mean) / std).transpose(0, 3, 1, 2)


def _refuse_scaled(pixels):
    if pixels.dtype != np.uint8:
        raise ValueError(f"pixels are {pixels.dtype}, not uint8: have they been scaled already?")


def does_not_divide_by_255(pixels, mean, std):
    _refuse_scaled(pixels)
    return ((pixels - mean) / std).transpose(0, 3, 1, 2)


def divides_by_255_only(pixels, mean, std):
    _refuse_scaled(pixels)
    return (pixels / 255).transpose(0, 3, 1, 2)


def divides_by_255_twice(pixels, mean, std):
    _refuse_scaled(pixels)
    return ((pixels / 255 / 255 - mean) / std).transpose(0, 3, 1, 2)


def leaves_the_colours_in_the_last_axis(pixels, mean, std):
    _refuse_scaled(pixels)
    return (pixels / 255 - mean) / std


def turns_rows_into_columns(pixels, mean, std):
    return prepared(pixels, mean, std).transpose(0, 1, 3, 2)


def takes_blue_for_red(pixels, mean, std):
    return prepared(pixels[..., ::-1], mean, std)


def takes_mean_and_spread_of_these_pictures(pixels, mean, std):
    _refuse_scaled(pixels)
    shares = pixels / 255
    spread = np.where(shares.std(axis=(0, 1, 2)) > 0, shares.std(axis=(0, 1, 2)), 1)
    return ((shares - shares.mean(axis=(0, 1, 2))) / spread).transpose(0, 3, 1, 2)


def takes_pixels_of_any_type(pixels, mean, std):
    return ((pixels / 255 - mean) / std).transpose(0, 3, 1, 2)


def draw_pixels(rng):
    shape = (int(rng.integers(1, 3)), int(rng.integers(1, 4)), int(rng.integers(1, 4)), 3)
    pixels = (51 * rng.integers(0, 6, size=shape)).astype(np.uint8)
    mean, std = rng.integers(1, 6, size=3) / 10, rng.integers(1, 5, size=3) / 10
    if rng.random() < 0.1:
        kind = rng.choice(["float32", "float64", "int64"])
        return Case((pixels.astype(kind), mean, std), raises=ValueError, mentions=(str(kind),))
    return pixels, mean, std


# 4.2.9 the square that is cut out -------------------------------------------------------------------


def crop_box(height, width, share=0.875):
    """The square in the middle that is cut out, as Pillow's crop takes it -> left, top, right, bottom

    height, width of the photograph and share of its shorter edge; all four are whole numbers of pixels.
    Raises ValueError that names share unless 0 < share <= 1.
    """
    return _crop_box(height, width, share)


def _crop_box(height, width, share, *, edge=min, middle=True):
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}: it must be above 0 and at most 1")
    side = int(share * edge(height, width))
    left, top = ((width - side) // 2, (height - side) // 2) if middle else (0, 0)
    return left, top, left + side, top + side


def begins_in_the_corner(height, width, share=0.875):
    return _crop_box(height, width, share, middle=False)


def takes_the_longer_edge(height, width, share=0.875):
    return _crop_box(height, width, share, edge=max)


def takes_all_of_the_shorter_edge(height, width, share=0.875):
    _crop_box(height, width, share)
    return _crop_box(height, width, 1)


def exchanges_height_and_width(height, width, share=0.875):
    return _crop_box(width, height, share)


def cuts_a_rectangle(height, width, share=0.875):
    _crop_box(height, width, share)
    rows, columns = int(share * height), int(share * width)
    left, top = (width - columns) // 2, (height - rows) // 2
    return left, top, left + columns, top + rows


def gives_the_size_in_place_of_the_end(height, width, share=0.875):
    left, top, right, bottom = _crop_box(height, width, share)
    return left, top, right - left, bottom - top


def rounds_to_the_nearest(height, width, share=0.875):
    _crop_box(height, width, share)
    side = int(share * min(height, width) + 0.5)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def puts_the_odd_pixel_before(height, width, share=0.875):
    _crop_box(height, width, share)
    side = int(share * min(height, width))
    left, top = (width - side + 1) // 2, (height - side + 1) // 2
    return left, top, left + side, top + side


def accepts_any_share(height, width, share=0.875):
    side = int(share * min(height, width))
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def draw_boxes(rng):
    height, width = (int(n) for n in rng.integers(8, 25, size=2))
    if rng.integers(6) == 0:
        share = float(rng.choice([0.0, -0.5, 1.25, 2.0]))
        return Case((height, width, share), raises=ValueError, mentions=(share,))
    return height, width, float(rng.choice([0.25, 0.5, 0.75, 0.875, 1.0]))


# 4.2.10 a square hidden -----------------------------------------------------------------------------


def occluded(picture, size, step, fill=127):
    """Copies of a picture, each with one square hidden: at every place -> uint8 (rows, columns, H, W, 3)

    picture uint8 (H, W, 3), which stays as it is; size of the square and step from one place to the next, in
    pixels; fill: the value of its pixels. Raises ValueError that names size where the square is larger than
    the picture.
    """
    return _occluded(picture, size, step, fill)


def _occluded(picture, size, step, fill, *, more=0, fresh=True):
    height, width = picture.shape[:2]
    if size > min(height, width):
        raise ValueError(f"size is {size}: the picture has only {height} x {width} pixels")
    tops = range(0, height - size + 1 + more, step)
    lefts = range(0, width - size + 1 + more, step)
    copies = np.broadcast_to(picture, (len(tops), len(lefts), *picture.shape)).copy()
    before = picture.copy()
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            copy = copies[row, column] if fresh else before
            copy[top : top + size, left : left + size] = fill
            copies[row, column] = copy
    return copies


def hides_more_and_more(picture, size, step, fill=127):
    return _occluded(picture, size, step, fill, fresh=False)


def hides_with_black(picture, size, step, fill=127):
    return _occluded(picture, size, step, 0)


def goes_over_the_edge(picture, size, step, fill=127):
    _occluded(picture, size, step, fill)
    return _occluded(picture, size, step, fill, more=size - 1)


def puts_square_beside_square(picture, size, step, fill=127):
    return _occluded(picture, size, size, fill)


def turns_the_places(picture, size, step, fill=127):
    return _occluded(picture, size, step, fill).swapaxes(0, 1)


def stops_a_place_too_early(picture, size, step, fill=127):
    return _occluded(picture, size, step, fill)[:-1, :-1]


def lets_the_square_shrink(picture, size, step, fill=127):
    try:
        return _occluded(picture, size, step, fill)
    except ValueError:
        return _occluded(picture, min(picture.shape[:2]), step, fill)


def puts_all_in_one_row(picture, size, step, fill=127):
    return _occluded(picture, size, step, fill).reshape(-1, *picture.shape)


def draw_hidden(rng):
    height, width = (int(n) for n in rng.integers(1, 5, size=2))
    picture = rng.integers(6, 10, size=(height, width, 3)).astype(np.uint8)
    size, step, fill = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(0, 6))
    if size > min(height, width):
        return Case((picture, size, step, fill), raises=ValueError, mentions=(size,))
    return picture, size, step, fill


def grey(rows):
    """A picture whose three colours are these numbers."""
    return np.repeat(np.array(rows, np.uint8)[..., None], 3, axis=-1)


RED = np.array([[[[255, 0, 0]]]], dtype=np.uint8)
COLOURS = np.array([0.5, 0.4, 0.2]), np.array([0.25, 0.2, 0.1])

# 4.2.11 from a folder to a list -------------------------------------------------------------------


def labelled_list(files, least=6):
    """Names such as "cat/one.jpg" -> the class names, and a list of (file, number of its class)

    Both sorted. Raises ValueError that says how many classes there are, where there are fewer than two, and
    one that names the class and its number of pictures, where it holds fewer than `least`.
    """
    # Common wrong turn: listing the classes of the pictures only. A class without any is lost without a word.
    inside = sorted(file for file in files if file.count("/") == 1 and file[0] != "." and "/." not in file)
    names = sorted({file.split("/")[0] for file in inside})
    if len(names) < 2:
        raise ValueError(f"{len(names)} classes {names}: at least two sub-folders are needed")
    pictures = [file for file in inside if file.lower().endswith((".jpg", ".jpeg", ".png"))]
    for name in names:
        count = sum(file.split("/")[0] == name for file in pictures)
        if count < least:
            raise ValueError(
                f"class {name!r} holds {count} JPEG or PNG pictures, at least {least} are needed"
            )
    return names, [(file, names.index(file.split("/")[0])) for file in pictures]


def draw_files(rng):
    """Up to nine names in up to three folders: pictures, notes, hidden files, empty folders."""
    files = []
    for name in ("a", "B", ".c")[: int(rng.integers(1, 4))]:
        files.append(f"{name}/")
        for n in range(int(rng.integers(0, 4))):
            ending = str(
                rng.choice(["jpg", "JPG", "png", "jpeg", "txt", "jpg.txt"], p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1])
            )
            start = str(rng.choice(["p", ".p", "q/p"], p=[0.8, 0.1, 0.1]))
            files.append(f"{name}/{start}{n}.{ending}")
    if rng.random() < 0.3:
        files.append("p.jpg")
    files = [files[place] for place in rng.permutation(len(files))]
    least = int(rng.integers(1, 3))
    try:
        labelled_list(files, least)
    except ValueError:
        return Case((files, least), raises=ValueError)
    return files, least


def _listed(files, least, usable=None, ending=None, names_of=None):
    """The solution with one rule changed."""
    usable = usable or (lambda file: file.count("/") == 1 and not (file[0] == "." or "/." in file))
    ending = ending or (lambda file: file.lower().endswith((".jpg", ".jpeg", ".png")))
    inside = sorted(file for file in files if usable(file))
    pictures = [file for file in inside if ending(file)]
    names = sorted(
        {file.split("/")[0] for file in (names_of or (lambda inside, _: inside))(inside, pictures)}
    )
    counts = [sum(file.split("/")[0] == name for file in pictures) for name in names]
    if len(names) < 2 or min(counts) < least:
        raise ValueError(f"{names} hold {counts}")
    return names, [(file, names.index(file.split("/")[0])) for file in pictures]


def loses_a_class_without_pictures(files, least=6):
    return _listed(files, least, names_of=lambda _, pictures: pictures)


def knows_small_letters_only(files, least=6):
    return _listed(files, least, ending=lambda file: file.endswith((".jpg", ".jpeg", ".png")))


def takes_every_file(files, least=6):
    return _listed(files, least, ending=lambda file: not file.endswith("/"))


def takes_names_that_hold_jpg(files, least=6):
    return _listed(
        files, least, ending=lambda file: any(part in file.lower() for part in (".jpg", ".jpeg", ".png"))
    )


def takes_hidden_files(files, least=6):
    return _listed(files, least, usable=lambda file: file.count("/") == 1 and file[0] != ".")


def takes_hidden_folders(files, least=6):
    return _listed(files, least, usable=lambda file: file.count("/") == 1 and "/." not in file)


def looks_into_deeper_folders(files, least=6):
    return _listed(files, least, usable=lambda file: "/" in file and not (file[0] == "." or "/." in file))


def counts_the_classes_from_one(files, least=6):
    names, pairs = labelled_list(files, least)
    return names, [(file, label + 1) for file, label in pairs]


def keeps_the_order_given(files, least=6):
    names, pairs = labelled_list(files, least)
    return names, sorted(pairs, key=lambda pair: files.index(pair[0]))


def gives_names_in_place_of_numbers(files, least=6):
    names, pairs = labelled_list(files, least)
    return names, [(file, names[label]) for file, label in pairs]


def accepts_a_class_too_small(files, least=6):
    return labelled_list(files, 0)


def accepts_a_single_class(files, least=6):
    inside = {
        file.split("/")[0] for file in files if file.count("/") == 1 and file[0] != "." and "/." not in file
    }
    if len(inside) != 1:
        return labelled_list(files, least)
    pictures = sorted(f for f in files if f.count("/") == 1 and f.lower().endswith((".jpg", ".jpeg", ".png")))
    return sorted(inside), [(file, 0) for file in pictures]


# 4.2.12 the nearest mean ----------------------------------------------------------------------------


def nearest_mean(known, y, new):
    """The class whose mean features are nearest -> int (M,)

    known (N, D) features with labels y (N,), each of 0 … K - 1 at least once; new (M, D). Of two that are
    equally near, the one with the smaller number.
    """
    # Common wrong turn: the nearest single example. One odd example then decides.
    means = np.stack([known[y == label].mean(axis=0) for label in range(y.max() + 1)])
    return ((new[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)


def draw_known_and_new(rng):
    """Up to three classes of two or four examples of one to three whole numbers; ties occur."""
    classes, width, each = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.choice([1, 2, 4]))
    y = rng.permutation(np.repeat(np.arange(classes), each))
    known = rng.integers(-4, 5, (len(y), width)).astype(float)
    return known, y, rng.integers(-4, 5, (int(rng.integers(1, 4)), width)).astype(float)


def _distances(known, y, new, of=np.mean):
    means = np.stack([of(known[y == label], axis=0) for label in range(y.max() + 1)])
    return new[:, None] - means


def takes_the_nearest_example(known, y, new):
    return y[((new[:, None] - known) ** 2).sum(axis=2).argmin(axis=1)]


def adds_the_examples_up(known, y, new):
    return (_distances(known, y, new, np.sum) ** 2).sum(axis=2).argmin(axis=1)


def adds_differences_with_their_signs(known, y, new):
    return abs(_distances(known, y, new).sum(axis=2)).argmin(axis=1)


def adds_up_without_squares(known, y, new):
    return abs(_distances(known, y, new)).sum(axis=2).argmin(axis=1)


def takes_the_farthest(known, y, new):
    return (_distances(known, y, new) ** 2).sum(axis=2).argmax(axis=1)


def multiplies_in_place_of_measuring(known, y, new):
    means = np.stack([known[y == label].mean(axis=0) for label in range(y.max() + 1)])
    return (new @ means.T).argmax(axis=1)


def gives_the_distances(known, y, new):
    return (_distances(known, y, new) ** 2).sum(axis=2).min(axis=1)


def takes_the_later_of_two(known, y, new):
    distances = (_distances(known, y, new) ** 2).sum(axis=2)
    return distances.shape[1] - 1 - distances[:, ::-1].argmin(axis=1)


EXERCISES = (
    Exercise(
        "4.2.1",
        level=2,
        minutes=10,
        points=2,
        solution=few_rows,
        cases=(
            Case(
                (np.array([0, 1, 0, 1, 0]), 2, 1, np.array([4, 2, 3, 1, 0])),
                expected=np.array([4, 3]),
            ),
            Case(
                (np.array([1, 1, 0, 1, 0, 0]), 2, 2, np.array([3, 5, 0, 4, 2, 1])),
                expected=np.array([5, 4, 3, 0]),
            ),
            Case(
                (np.array([0, 0, 0, 2]), 3, 1, np.array([0, 1, 2, 3])),
                raises=ValueError,
                mentions=(1, 0),
                name="a class without a row",
            ),
            Case(
                (np.array([0, 1, 1, 1]), 2, 3, np.array([1, 0, 2, 3])),
                raises=ValueError,
                mentions=(0, 1),
            ),
        ),
        wrong={
            goes_through_the_rows_as_they_stand: 0,
            takes_the_beginning_of_the_order: 1,
            gives_places_in_the_order: 0,
            takes_what_a_rare_class_has: 2,
            sorts_the_rows_of_a_class: None,
            keeps_the_order_of_all: 1,
        },
        draw=draw_labels,
        draws=200,
    ),
    Exercise(
        "4.2.2",
        level=2,
        minutes=5,
        points=2,
        solution=part_rates,
        cases=(
            Case((4, 8.0, 2), expected=[1.0, 2.0, 4.0, 8.0]),
            Case((4, 8.0, 2, 2), expected=[0.0, 0.0, 4.0, 8.0]),
            Case((3, 0.5), expected=[0.5, 0.5, 0.5], why="factor 1: all parts learn alike"),
            Case((5, 0.1, 1, 4), expected=[0.0, 0.0, 0.0, 0.0, 0.1]),
            Case((5, 0.1, 1, 5), raises=ValueError, mentions=(5,)),
        ),
        wrong={
            gives_the_first_part_the_top_rate: 0,
            divides_once: 1,
            divides_the_last_part_too: 0,
            makes_early_parts_faster: 1,
            freezes_the_last_parts: 2,
            leaves_the_frozen_parts_out: 2,
            freezes_everything_when_asked: None,
        },
        draw=draw_rates,
        draws=200,
    ),
    Exercise(
        "4.2.3",
        level=2,
        minutes=10,
        points=2,
        solution=bytes_to_store,
        cases=(
            Case(
                (
                    {"body": np.array([1.0, 2.0]), "head": np.array([3.0])},
                    {"body": np.array([1.0, 2.0]), "head": np.array([4.0])},
                ),
                expected=8,
            ),
            Case(
                (
                    {"body": np.array([1.0, 2.0, 3.0])},
                    {"body": np.array([1.0, 0.0, 3.0]), "new": np.array([5.0], np.float32)},
                ),
                expected=28,
            ),
            Case(
                (
                    {"head": np.array([0.0, 1.0], np.float32)},
                    {"head": np.array([0.0, 1.0, 2.0], np.float32)},
                ),
                expected=12,
                name="the same name, another shape",
            ),
            Case(
                ({"mean": np.array([1.0, 2.0])}, {"mean": np.array([2.0, 1.0])}),
                expected=16,
                name="the same numbers at other places",
            ),
            Case(
                ({"body": np.array([1.0, 2.0])}, {"body": np.array([1.0, 2.000001])}),
                expected=16,
                name="a very small change",
            ),
        ),
        wrong={
            counts_all_arrays: 0,
            counts_numbers_not_bytes: 2,
            counts_new_names_only: 0,
            forgets_new_names: 1,
            counts_only_the_numbers_that_differ: None,
            compares_shapes_only: 0,
            counts_four_bytes_for_each_number: 2,
            takes_nearly_the_same_for_the_same: 0,
            compares_the_sums: 0,
        },
        draw=draw_states,
        draws=200,
    ),
    Exercise(
        "4.2.4",
        level=2,
        minutes=10,
        points=2,
        solution=merged,
        cases=(
            Case(
                (np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 2.0]]), np.array([[3.0], [1.0]]), 2),
                expected=np.array([[7.0, 12.0], [2.0, 5.0]]),
            ),
            Case(
                (np.zeros((1, 2)), np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[4.0, 6.0]]), 1),
                expected=np.array([[2.0, 3.0]]),
            ),
            Case(
                (
                    np.array([[[[1.0, 0.0], [0.0, 1.0]]]]),
                    np.array([[[[1.0, 2.0], [0.0, 0.0]]], [[[0.0, 0.0], [0.0, 8.0]]]]),
                    np.array([[2.0, 1.0]]),
                    2,
                ),
                expected=np.array([[[[3.0, 4.0], [0.0, 9.0]]]]),
            ),
        ),
        wrong={
            forgets_alpha_and_rank: 0,
            forgets_to_divide_by_the_rank: 0,
            divides_by_the_inputs: 0,
            divides_by_the_root_of_the_rank: 0,
            leaves_the_weight_out: None,
            multiplies_with_at: 1,
            scales_the_weight_too: None,
        },
        draw=draw_thin,
        draws=200,
    ),
    Exercise(
        "4.2.5",
        level=2,
        minutes=10,
        points=2,
        solution=forgetting,
        cases=(
            Case(
                (np.array([[0.875, np.nan, np.nan], [0.75, 0.5, np.nan], [0.25, 0.375, 0.875]]),),
                expected=0.375,
            ),
            Case(
                (np.array([[0.5, np.nan, np.nan], [0.75, 0.875, np.nan], [0.5, 0.875, 1.0]]),),
                expected=0.125,
                name="better before it is worse",
            ),
            Case((np.array([[0.5, np.nan], [0.75, 1.0]]),), expected=-0.25, name="a gain"),
            Case((np.array([[0.5]]),), raises=ValueError, mentions=(1,), why="nothing can be forgotten"),
        ),
        wrong={
            compares_with_the_score_right_after_learning: 0,
            counts_the_last_task_too: 1,
            gives_a_gain_as_none: 2,
            turns_the_sign: 2,
            does_not_leave_nan_out: 0,
            exchanges_tasks_and_time: None,
            compares_with_the_row_before: 0,
        },
        draw=draw_scores,
        draws=200,
    ),
    Exercise(
        "4.2.6",
        level=3,
        minutes=15,
        points=3,
        solution=our_name,
        cases=(
            Case(("layer2.0.conv1.weight",), expected="stages.1.0.parts.0.0.weight"),
            Case(("layer1.3.bn2.running_mean",), expected="stages.0.3.parts.1.1.running_mean"),
            Case(("layer4.0.downsample.1.bias",), expected="stages.3.0.shortcut.1.bias"),
            Case(("fc.bias",), expected="head.bias"),
            Case(("bn1.weight",), why="the stem has a convolution and a normalisation of its own"),
            Case(("layer1.0.conv3.weight",), raises=ValueError, mentions=("layer1.0.conv3.weight",)),
        ),
        wrong={
            counts_the_stages_from_one: 0,
            counts_the_convolutions_from_one: 0,
            puts_the_normalisation_first: 1,
            leaves_the_head_as_it_is: 1,
            leaves_the_shortcut_as_it_is: 1,
            hands_on_what_it_does_not_know: 2,
        },
        draw=draw_names,
    ),
    Exercise(
        "4.2.7",
        level=2,
        minutes=10,
        points=2,
        solution=prepared,
        cases=(
            Case((RED, *COLOURS), expected=np.array([[[[2.0]], [[-2.0]], [[-2.0]]]])),
            Case(
                lambda: (np.arange(0, 180, 10, dtype=np.uint8).reshape(1, 2, 3, 3), *COLOURS),
                args_text="np.arange(0, 180, 10, dtype=np.uint8).reshape(1, 2, 3, 3), "
                "np.array([0.5, 0.4, 0.2]), np.array([0.25, 0.2, 0.1])",
            ),
            Case((RED.astype(np.float32), *COLOURS), raises=ValueError, mentions=("float32",)),
        ),
        wrong={
            does_not_divide_by_255: 0,
            divides_by_255_only: 0,
            divides_by_255_twice: 0,
            leaves_the_colours_in_the_last_axis: 1,
            turns_rows_into_columns: 1,
            takes_blue_for_red: 1,
            takes_mean_and_spread_of_these_pictures: 0,
            takes_pixels_of_any_type: 2,
        },
        draw=draw_pixels,
    ),
    Exercise(
        "4.2.8",
        kind="predict",
        level=2,
        minutes=5,
        points=1,
        solution=13_472,
        wrong={
            "weights_alone": (12_816, 1),
            "no_mixing_at_the_end": (7_712, 0),
            "no_mixing_at_the_start": (10_016, 0),
            "windows_of_three": (11_168, 0),
            "the_middle_mixes_too": (528_272, 0),
            "one_number_for_each_channel": (13_144, 1),
            "no_widening": (2_312, 0),
            "an_ordinary_convolution": (24_080, 0),
        },
    ),
    Exercise(
        "4.2.9",
        level=2,
        minutes=10,
        points=2,
        solution=crop_box,
        cases=(
            Case((300, 400, 0.5), expected=(125, 75, 275, 225)),
            Case((480, 320), expected=(20, 100, 300, 380), name="higher than wide, the share as it is"),
            Case((15, 15, 0.5), expected=(4, 4, 11, 11), name="halves are rounded down"),
            Case((9, 12, 1), expected=(1, 0, 10, 9), name="one column too many"),
            Case((8, 8, 0), raises=ValueError, mentions=(0,)),
            Case((8, 8, 1.5), raises=ValueError, mentions=(1.5,)),
        ),
        wrong={
            begins_in_the_corner: 1,
            takes_the_longer_edge: 0,
            takes_all_of_the_shorter_edge: 0,
            exchanges_height_and_width: 2,
            cuts_a_rectangle: 0,
            gives_the_size_in_place_of_the_end: None,
            rounds_to_the_nearest: 0,
            puts_the_odd_pixel_before: 1,
            accepts_any_share: None,
        },
        draw=draw_boxes,
        draws=200,
    ),
    Exercise(
        "4.2.10",
        level=3,
        minutes=10,
        points=3,
        solution=occluded,
        cases=(
            Case(
                (grey([[1, 2, 3]]), 1, 2, 0),
                expected=np.array([[grey([[0, 2, 3]]), grey([[1, 2, 0]])]]),
                name="steps of two",
            ),
            Case(
                (grey([[1, 2, 3], [4, 5, 6]]), 2, 1, 9),
                expected=np.array([[grey([[9, 9, 3], [9, 9, 6]]), grey([[1, 9, 9], [4, 9, 9]])]]),
                name="the last place, where the square just fits",
            ),
            Case(
                (grey([[1], [2]]), 1, 1, 0),
                expected=np.array([[grey([[0], [2]])], [grey([[1], [0]])]]),
                name="rows come first",
            ),
            Case((grey([[1, 2, 3]]), 2, 1), raises=ValueError, mentions=(2,)),
        ),
        wrong={
            hides_more_and_more: 1,
            hides_with_black: None,
            goes_over_the_edge: 0,
            puts_square_beside_square: 0,
            turns_the_places: 2,
            stops_a_place_too_early: 0,
            lets_the_square_shrink: None,
            puts_all_in_one_row: 2,
        },
        draw=draw_hidden,
        draws=200,
    ),
    Exercise(
        "4.2.11",
        level=2,
        minutes=10,
        points=2,
        solution=labelled_list,
        cases=(
            Case(
                (["dog/b.jpg", "cat/a.png", "dog/c.JPG"], 1),
                expected=(["cat", "dog"], [("cat/a.png", 0), ("dog/b.jpg", 1), ("dog/c.JPG", 1)]),
            ),
            Case(
                (
                    [
                        "cat/a.jpeg",
                        "dog/b.jpg",
                        "x.jpg",
                        "cat/.a.jpg",
                        ".old/c.jpg",
                        "cat/new/d.jpg",
                        "dog/e.jpg.txt",
                    ],
                    1,
                ),
                expected=(["cat", "dog"], [("cat/a.jpeg", 0), ("dog/b.jpg", 1)]),
                name="what is left out",
            ),
            Case(
                (["cat/a.jpg", "cat/b.jpg", "dog/", "dog/c.heic"], 1),
                raises=ValueError,
                mentions=("dog", 0),
                name="a class without pictures",
            ),
            Case((["cat/a.jpg", "cat/b.jpg"], 1), raises=ValueError, mentions=(1,), name="one class"),
            Case(([],), raises=ValueError, mentions=(0,), why="a folder that is empty"),
            Case((["a/1.jpg", "a/2.jpg", "b/1.jpg"], 2), raises=ValueError, mentions=("b", 1)),
        ),
        wrong={
            loses_a_class_without_pictures: 1,
            knows_small_letters_only: 0,
            takes_every_file: 0,
            takes_names_that_hold_jpg: 0,
            takes_hidden_files: 0,
            takes_hidden_folders: 0,
            looks_into_deeper_folders: 0,
            counts_the_classes_from_one: 2,
            keeps_the_order_given: 2,
            gives_names_in_place_of_numbers: 2,
            accepts_a_class_too_small: 1,
            accepts_a_single_class: 1,
        },
        draw=draw_files,
        draws=200,
    ),
    Exercise(
        "4.2.12",
        level=2,
        minutes=10,
        points=2,
        solution=nearest_mean,
        cases=(
            Case(
                (np.array([[0.0, 0], [2, 0], [6, 6]]), np.array([0, 0, 1]), np.array([[1.0, 2], [5, 5]])),
                expected=np.array([0, 1]),
            ),
            Case(
                (np.array([[0.0], [10], [6]]), np.array([0, 0, 1]), np.array([[1.0]])),
                expected=np.array([0]),
                name="the nearest example belongs to the nearest mean",
            ),
            Case(
                (np.array([[0.0], [10], [9], [9]]), np.array([0, 0, 1, 1]), np.array([[10.0]])),
                expected=np.array([1]),
                name="one odd example",
            ),
            Case(
                (np.array([[0.0], [4]]), np.array([1, 0]), np.array([[2.0]])),
                expected=np.array([0]),
                name="equally near",
            ),
        ),
        wrong={
            takes_the_nearest_example: 0,
            adds_the_examples_up: 0,
            adds_differences_with_their_signs: 1,
            adds_up_without_squares: 1,
            takes_the_farthest: None,
            multiplies_in_place_of_measuring: 1,
            gives_the_distances: None,
            takes_the_later_of_two: None,
        },
        draw=draw_known_and_new,
        draws=200,
    ),
)
