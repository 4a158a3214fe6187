"""The layout of an image folder: classes as subfolders, perhaps in ready-made splits such as train/ and test/."""

from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DataError
from .image_files import FileCount, files_beside, find_images, visible_folders, why_ignored

SPLITS = {
    **dict.fromkeys(("train", "training", "trainset", "training_set", "train_set"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "valset", "validation_set", "val_set"), "validation"),
    **dict.fromkeys(("test", "testing", "testset", "test_set", "eval", "evaluation"), "test"),
}

Classes = dict[str, list[Path]]


@dataclass
class FolderLayout:
    """The image files of a folder data set.

    Parameters
    ----------
    root : the folder that contains the classes or splits
    splits : image files of each class, by split "train", "validation" or "test"; one split "" if there are none
    names : folders of each split, for messages
    files : FileCount of all files
    by_class : FileCount of the files of each class
    deeper : int, number of images in folders inside a class folder
    """

    root: Path
    splits: dict[str, Classes] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    files: FileCount = field(default_factory=FileCount)
    by_class: dict[str, FileCount] = field(default_factory=dict)
    deeper: int = 0

    def class_folder(self, split: str, name: str) -> Path:
        """The folder of a class, for messages; with splits, the first one of the split."""
        if not split:
            return self.root / name
        half = self.names[split][0]
        outer = self.root / half / name
        return outer if outer.is_dir() else self.root / name / half

    def take(self, split: str, folder: Path, name: str) -> None:
        """Add the images of a class folder to a split."""
        images, count = find_images(folder)
        self.splits.setdefault(split, {}).setdefault(name, []).extend(images)
        self.by_class.setdefault(name, FileCount()).add(count)
        self.files.add(count)
        self.deeper += sum(file.parent != folder for file in images)

    def leave_out(self, folder: Path, reason: str) -> None:
        """Count the files of a folder without taking its images."""
        images, count = find_images(folder)
        count.leave_out(len(images), reason)
        self.files.add(count)

    def leave_out_beside(self, folder: Path, reason: str) -> None:
        """Count the files that lie directly in a folder of classes or splits."""
        for file in files_beside(folder):
            self.files.ignored[why_ignored(file, folder) or reason] += 1


def find_layout(path: Path) -> FolderLayout:
    """Find the classes and splits of an image folder, and count its files.

    Splits are recognised as train/CLASS/… with test/ or val/ beside it, and as CLASS/train/…. A folder that contains
    nothing but one folder of several classes or splits stands for that folder, as archives often unpack to it.

    Raises
    ------
    DataError
        If a folder cannot be read, or a split contains no class folders.
    """
    layout = FolderLayout(_unwrapped(path))
    if layout.root != path:
        layout.leave_out_beside(path, "outside the class folders")
    folders = visible_folders(layout.root)
    layout.leave_out_beside(layout.root, "outside the class folders")
    halves = [folder for folder in folders if folder.name.lower() in SPLITS]
    kinds = {SPLITS[folder.name.lower()] for folder in halves}
    inside = {folder: visible_folders(folder) for folder in folders}
    if "train" in kinds and len(kinds) > 1 and _are_splits(halves, inside, len(halves) == len(folders)):
        for folder in folders:
            if folder in halves:
                _take_split(layout, folder, inside[folder])
            else:
                layout.leave_out(folder, f"in {folder.name}/, which is no split")
        return layout
    if _are_split_inside(folders, inside):
        for folder in folders:
            layout.leave_out_beside(folder, "outside the splits")
            for half in inside[folder]:
                split = SPLITS[half.name.lower()]
                layout.names.setdefault(split, []).append(half.name)
                layout.take(split, half, folder.name)
        return layout
    for folder in folders:
        layout.take("", folder, folder.name)
    return layout


def _unwrapped(path: Path) -> Path:
    """The folder itself, or the only visible folder in it if that one contains the classes."""
    folders = visible_folders(path)
    if len(folders) == 1 and len(visible_folders(folders[0])) > 1 and not _has_images(folders[0]):
        return folders[0]
    return path


def _has_images(folder: Path) -> bool:
    """Whether images lie directly in a folder."""
    return any(not why_ignored(file, folder) for file in files_beside(folder))


def _are_splits(halves: list[Path], inside: dict[Path, list[Path]], are_all: bool) -> bool:
    """Whether folders named like splits contain class folders, of which some are common to training and the others.

    DataError if there are no other folders, and the training images are not in class folders.
    """
    classes = {
        kind: {each.name for half in halves if SPLITS[half.name.lower()] == kind for each in inside[half]}
        for kind in SPLITS.values()
    }
    if are_all and not classes["train"]:
        names = " and ".join(f"{half.name}/" for half in halves)
        raise DataError(
            f"{halves[0].parent} contains {names}: expected one subfolder of images per class in each of them, got none; "
            "sort the images into folders named after their classes."
        )
    others = classes["test"] | classes["validation"]
    return bool(classes["train"]) and (are_all or bool(classes["train"] & others))


def _are_split_inside(folders: list[Path], inside: dict[Path, list[Path]]) -> bool:
    """Whether each class folder contains its own train/, and test/ or val/."""
    if not folders or any(_has_images(folder) for folder in folders if inside[folder]):
        return False
    kinds = [{SPLITS.get(half.name.lower(), "") for half in inside[folder]} for folder in folders]
    return all("train" in some and "" not in some and len(some) > 1 for some in kinds)


def _take_split(layout: FolderLayout, folder: Path, classes: list[Path]) -> None:
    split = SPLITS[folder.name.lower()]
    layout.names.setdefault(split, []).append(folder.name)
    layout.leave_out_beside(folder, f"outside the class folders of {folder.name}/")
    layout.splits.setdefault(split, {})
    for each in classes:
        layout.take(split, each, each.name)
