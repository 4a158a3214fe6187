"""Names of classes and nets that something might take for markup, for a command or for bytes."""

import os

NAMES = (
    "$x_$", "$y^$", "[bold]", "[/bold]", "<script>alert(1)</script>", "<!--<script>", "&amp;", "{x:g}", "%s\\frac{", "_hidden",
    "\x1b[31mred", "a\nb", "tab\tbell\x07", "\x00", "\x9b31m", "שלום", "مرحبا", "\u202etxt.exe", "😀:cat:", "👩‍🚀", "猫",
    os.fsdecode(b"\xff\xfe"), os.fsdecode(b"\xfe\xff"), "x" * 300, "x" * 299 + "y", " ", "",
)  # fmt: skip
HARDEST = ("$x_$", "%s\\frac{", "[/bold]", "\x00a\nb", os.fsdecode(b"\xff\xfe"), "😀猫", "x" * 300)  # for slow tests
IN_FOLDERS = tuple(name for name in NAMES if name.strip() and "/" not in name and "\0" not in name)
IN_FOLDERS = tuple(name[:120] for name in IN_FOLDERS if name != "x" * 299 + "y")
FORBIDDEN = "\x1b\x07\x9b\0\u202e\udcff\udcfe"
