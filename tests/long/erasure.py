#!/usr/bin/env python3
"""Keys of epochs that are over are not left on a file system: its image is searched, byte by byte.

A collector keeps its secrets on an ext4 in a file, and changes them each second. Each key is noted as long as it is there.
In the end the keys that are still needed must be found in the image, or the search sees nothing, and no other.
usage: erasure.py SHMRING SHMRINGD LIBSHMRING.SO
"""
import base64
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "process"))
from command_case import OK, SHMRINGD, CommandCase, main, until  # noqa: E402

CHANGES = 4


def secret(text):
    """The 32 bytes of a private key, which is the last part of its line."""
    return base64.b64decode(text.split("+", 4)[4])[1:]


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("mkfs.ext4"), "needs root, to mount an image, and mkfs.ext4")
class Erasure(CommandCase):
    def setUp(self):
        super().setUp()
        self.image, self.mounted = f"{self.folder}/image", f"{self.folder}/mounted"
        os.mkdir(self.mounted)
        with open(self.image, "wb") as image:
            image.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        done = subprocess.run(["mount", "-o", "loop", self.image, self.mounted], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest("no mounts here: " + done.stderr)
        self.is_mounted = True

    def tearDown(self):
        self.unmount()
        super().tearDown()

    def unmount(self):
        if self.is_mounted:
            subprocess.run(["umount", self.mounted], check=True)
        self.is_mounted = False

    def keys(self):
        """The text of each key that is there."""
        found = {}
        for path in pathlib.Path(self.mounted, "state").glob("*.key"):
            try:
                text = path.read_text()
            except FileNotFoundError:
                continue  # it was erased meanwhile
            if "PRIVATE" in text:  # and not zeros
                found[path.name] = text
        return found

    def test_of_all_keys_that_there_were_the_image_has_only_those_that_are_still_needed(self):
        seen = {}

        def many_are_over():
            seen.update(self.keys())
            return len(seen) > CHANGES + 2

        daemon = self.start(SHMRINGD, "--ring", "r", "--log", f"{self.mounted}/log", "--slots", "1024", "--durability",
                            "interval", "--seal", "--seal-state", f"{self.mounted}/state", "--seal-epoch", "1 s")
        until(many_are_over, "changes of the key")
        daemon.terminate()
        until(lambda: (seen.update(self.keys()), daemon.poll() is not None)[1], "its end")
        self.assertEqual(daemon.returncode, OK)
        left = self.keys()
        self.unmount()
        image = pathlib.Path(self.image).read_bytes()
        found = {name for name, text in seen.items() if text.strip().encode() in image or secret(text) in image
                 or text.split("+", 4)[4].strip().encode() in image}
        print(f"REPORT long {len(seen) - len(left)} keys were erased, {len(found - set(left))} of them are in the image")
        self.assertGreaterEqual(len(seen) - len(left), CHANGES)
        self.assertEqual(found, set(left))


if __name__ == "__main__":
    main()
