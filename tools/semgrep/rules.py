# Examples for `semgrep --test`: each line below a `ruleid` has to be found, each below an `ok` must not be.
import asyncio
import hashlib
import os
import pickle
import random
import ssl
import subprocess

import httpx2
import jwt
import yaml
from jinja2 import Environment


def bad(connection, text, name):
    # ruleid: shell-by-string
    subprocess.run(text, shell=True)
    # ruleid: shell-by-string
    os.system(text)
    # ruleid: sql-by-formatting
    connection.execute(f"select * from t where name = {name}")
    # ruleid: sql-by-formatting
    connection.execute("select * from t where name = %s" % name)
    # ruleid: sql-by-formatting
    connection.execute("select * from t where name = " + name)
    # ruleid: code-from-text
    eval(text)
    # ruleid: code-from-text
    pickle.loads(text)
    # ruleid: code-from-text
    yaml.load(text)
    # ruleid: certificate-unchecked
    httpx2.get(text, verify=False)
    # ruleid: certificate-unchecked
    ssl._create_unverified_context()
    # ruleid: token-algorithm-open
    jwt.decode(text, name)
    # ruleid: token-algorithm-open
    jwt.decode(text, name, algorithms=["EdDSA"], options={"verify_signature": False})
    # ruleid: weak-hash
    hashlib.md5(text)
    # ruleid: guessable-random
    random.choice(text)
    # ruleid: template-unescaped
    Environment(autoescape=False)


def good(connection, text, name):
    # ok: shell-by-string
    subprocess.run([text, name])
    # ok: sql-by-formatting
    connection.execute("select * from t where name = :name", {"name": name})
    # ok: code-from-text
    yaml.safe_load(text)
    # ok: certificate-unchecked
    httpx2.get(text)
    # ok: token-algorithm-open
    jwt.decode(text, name, algorithms=["EdDSA"])
    # ok: weak-hash
    hashlib.sha1(text, usedforsecurity=False)
    # ok: guessable-random
    random.Random(7).shuffle(name)
    # ok: template-unescaped
    Environment(autoescape=True)
