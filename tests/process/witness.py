"""Somebody who signs what a log has signed, by OpenSSL's command line."""
import base64
import hashlib
import pathlib
import struct
import subprocess


class Witness:
    """Signs checkpoints as c2sp.org/tlog-cosignature says, by OpenSSL's command line."""

    def __init__(self, folder, name="witness.example/w1", kind=4):
        self.folder, self.name = folder, name
        self.secret = f"{folder}/witness.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.secret], check=True)
        public = subprocess.run(["openssl", "pkey", "-in", self.secret, "-pubout", "-outform", "DER"], check=True,
                                stdout=subprocess.PIPE).stdout[-32:]
        self.id = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]
        self.key = f"{name}+{self.id.hex()}+{base64.b64encode(bytes([kind]) + public).decode()}"

    def signature_of(self, message, before=b""):
        path, out = f"{self.folder}/message", f"{self.folder}/signature"
        pathlib.Path(path).write_bytes(message)
        subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.secret, "-in", path, "-out", out], check=True)
        return f"— {self.name} {base64.b64encode(self.id + before + pathlib.Path(out).read_bytes()).decode()}\n".encode()

    def sign(self, body, time=1_700_000_000):
        return self.signature_of(f"cosignature/v1\ntime {time}\n".encode() + body, struct.pack(">Q", time))

    def sign_note(self, body):
        return self.signature_of(body)
