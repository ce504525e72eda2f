#!/usr/bin/env python3
"""What the programs advise about a ring: nothing that destroys, unless every owner is proven dead and the ring is ours.

Each state that a ring can be in, looked at by each who may come across it, with each command.
usage: command_advice.py SHMRING SHMRINGD LIBSHMRING.SO     exit 77: only root can be several users
"""
import os
import pathlib
import re
import shutil
import socket
import struct
import sys

from command_case import (BOOT_ID, CREATOR_PID, CommandCase, ENTRIES, FIRST_SLOT, GEOMETRY_SLOTS, LIBRARY, PERMISSION, SHMRING,
                          SHMRINGD, STATE, VERSION, a_dead_pid, main, start_time_of, until, version_1)

OWNER, MEMBER, OUTSIDER, GROUP = 4301, 4302, 4303, 4300
VIEWERS = {"its owner": (OWNER, GROUP), "root": (0, 0), "a member of its group": (MEMBER, GROUP),
           "an outsider": (OUTSIDER, OUTSIDER)}
COMMANDS = [["ls"], ["stat", "r", "--interval", "0"], ["dump", "r"], ["gc", "-n"], ["doctor", "r"], ["emit", "r"], ["rm", "r"]]
DESTROYS = re.compile(r"\brm\b|--force|--lose|\b(remove|delete|unlink)\b|create it anew")


class Advice(CommandCase):
    def setUp(self):
        super().setUp()
        self.copy_programs()
        os.chmod(self.rings, 0o1777)
        self.create()
        self.run_it("emit", "r", data=b"1\n2\n")
        self.dead = a_dead_pid()
        self.alive = self.start("sleep", "600").pid
        self.image = pathlib.Path(self.path()).read_bytes()
        self.logs = 0

    def clear(self):
        for name in os.listdir(self.rings):
            path = os.path.join(self.rings, name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)

    def ring(self, *pokes, creator=None, image=None, bytes=None):
        """Puts the ring there, its creator dead, its producer gone; changed as it is told."""
        image = bytearray(image or self.image)
        for at, form, value in [(CREATOR_PID, "I", creator or self.dead), *pokes]:
            struct.pack_into("<" + form, image, at, value)
        self.clear()
        pathlib.Path(self.path()).write_bytes(image[:bytes])
        os.chown(self.path(), OWNER, GROUP)
        os.chmod(self.path(), 0o660)

    def squat(self, make):
        self.clear()
        make(self.path())
        os.chown(self.path(), OWNER, GROUP, follow_symlinks=False)

    def owner_word(self, pid):
        return ENTRIES, "Q", pid << 42 | start_time_of(pid) << 2 | 2

    def said(self, viewer, arguments):
        user, group = VIEWERS[viewer]
        done = self.run_as(user, group, SHMRING, *arguments, data=b"x\n")
        return done.out.decode() + done.err

    def said_by_daemon(self, viewer):
        user, group = VIEWERS[viewer]
        self.logs += 1
        daemon = self.start_as(user, group, SHMRINGD, "--ring", "r", "--log", f"{self.log(user)}-{self.logs}", "--slots", "64",
                               stderr=-1, text=True)
        stat = lambda: self.run_it("stat", "r", "--interval", "0", "-o", "json")
        until(lambda: daemon.poll() is not None or (done := stat()).out and
              done.lines[0]["collector"].get("pid") == daemon.pid, "it collects, or has ended")
        daemon.terminate()
        return daemon.communicate(timeout=30)[1]

    def check(self, state, put, dead=False, doctor="", closed=False):
        """`dead`: every owner is proven dead. `doctor`: what it says to the owner. `closed`: to whom a ring is closed, too."""
        for viewer in [*VIEWERS][:None if closed else 3]:
            for command in [*COMMANDS, None]:
                put()
                said = self.said(viewer, command) if command else self.said_by_daemon(viewer)
                if not (dead and viewer == "its owner"):
                    with self.subTest(state=state, viewer=viewer, command=command or "shmringd"):
                        self.assertIsNone(DESTROYS.search(said), said)
                        self.assertNotIn("create it anew", said)
                if viewer == "its owner" and command == ["doctor", "r"]:
                    self.assertIn(doctor, said, state)

    def test_nothing_that_may_be_needed_is_advised_to_be_destroyed(self):
        alive = self.owner_word(self.alive)
        states = {
            "live": dict(put=lambda: self.ring(alive), doctor="no collector", closed=True),
            "made by the living": dict(put=lambda: self.ring(creator=self.alive)),
            "retired, in use": dict(put=lambda: self.ring(alive, (STATE, "I", 2)), doctor="`shmring gc` removes it when"),
            "cut off, in use": dict(put=lambda: self.ring(alive, bytes=FIRST_SLOT + 1000),
                                    doctor="who uses it: shmring stat r"),
            "cut off within its header": dict(put=lambda: self.ring(bytes=1000), doctor="ls -l "),
            "of an impossible geometry": dict(put=lambda: self.ring((GEOMETRY_SLOTS, "I", 63)), doctor="who has it open"),
            "of a later version": dict(put=lambda: self.ring((VERSION, "I", 9)),
                                       doctor="another version of libshmring made it"),
            "no segment": dict(put=lambda: self.ring((0, "Q", 1)), doctor="choose another name"),
            "of version 1, in use": dict(put=lambda: self.ring(image=version_1(self.image, producer=self.alive)),
                                         doctor="let shmringd of libshmring 0.1 drain it"),
        }
        for state, how in states.items():
            self.check(state, **how)

    def test_of_what_only_the_dead_have_used_its_owner_alone_is_told_how_to_give_it_up(self):
        for state, how in {
                "left over": dict(put=self.ring, doctor="start shmringd --ring r --log DIR, which drains it", closed=True),
                "of another boot": dict(put=lambda: self.ring((BOOT_ID, "Q", 1)),
                                        doctor="shmringd moves it aside when it starts"),
                "of version 1": dict(put=lambda: self.ring(image=version_1(self.image)),
                                     doctor="shmringd moves it aside when it starts"),
                "retired": dict(put=lambda: self.ring((STATE, "I", 2)), doctor="shmring gc"),
                "cut off": dict(put=lambda: self.ring(bytes=FIRST_SLOT + 1000),
                                doctor="every owner is dead: shmring rm --force r"),
        }.items():
            self.check(state, dead=True, **how)
            put = how["put"]
            put()
            self.assertIn("or give that up with --lose", self.said("its owner", ["gc", "-n"]), state)

    def test_what_squats_a_ring_s_name_is_left_to_whoever_put_it_there(self):
        def listen(path):
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path)
        for state, make in {"a directory": os.mkdir, "a FIFO": os.mkfifo, "a socket": listen,
                            "a symbolic link": lambda path: os.symlink("/dev/zero", path)}.items():
            self.check(state, lambda make=make: self.squat(make), doctor=f"ask uid {OWNER} what it is for")

    def test_of_a_path_nothing_is_advised_but_to_name_another(self):
        for path in ["/dev/zero", self.folder + "/", LIBRARY, "./nothing"]:
            done = self.run_it("dump", path)
            self.assertNotEqual(done.status, 0)
            self.assertTrue(done.err.startswith(f"shmring: file {path}: "), done.err)
            self.assertIsNone(DESTROYS.search(done.err), done.err)
        self.expect(PERMISSION, "dump", "/dev/zero", err="expected a regular file")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("only root can be several users")
        sys.exit(77)
    main()
