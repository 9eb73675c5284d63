"""Requests a second of one model behind a threaded HTTP server.

    python -m benchmarks.machine.serving

One process serves, this one asks, both on this machine. "nothing" answers without a model, which is
what the server alone costs. Libraries that are not installed are left out; "error" is what a client
gets where Keras on JAX predicts for several threads at once (TypeError inside Keras).
"""

import http.client
import importlib.util
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import DEVNULL, PIPE, Popen

import numpy as np

from benchmarks.markdown import table

STEPS, FEATURES, UNITS = 20, 10, 50
ROWS, CLIENTS = (1, 32), (1, 2, 4)
SECONDS, PATIENCE = 3.0, 20.0  # of a measurement; until a server that does not answer is given up


def nothing():
    """Return a function that computes nothing."""
    return lambda x: np.zeros((len(x), 1), np.float32)


def nlstm():
    """Return nlstm's predict."""
    from nlstm import Sequential, layers

    model = Sequential([layers.LSTM(UNITS, input_shape=(STEPS, FEATURES)), layers.Dense(1)])
    model.build()
    return lambda x: model.predict(x, verbose=0)


def keras():
    """Return Keras's predict, on JAX."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    layers = [keras.Input((STEPS, FEATURES)), keras.layers.LSTM(UNITS), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    return lambda x: model.predict(x, verbose=0)


def torch():
    """Return a module of PyTorch in inference mode."""
    import torch

    lstm, dense = torch.nn.LSTM(FEATURES, UNITS, batch_first=True), torch.nn.Linear(UNITS, 1)

    def predict(x):
        with torch.inference_mode():
            return dense(lstm(torch.from_numpy(x))[0][:, -1]).numpy()

    return predict


SERVED = {one.__name__: one for one in (nothing, nlstm, torch, keras)}


def serve(library):
    """Serve until killed; print the port."""
    predict = SERVED[library]()
    for rows in ROWS:
        predict(np.zeros((rows, STEPS, FEATURES), np.float32))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            x = np.frombuffer(body, np.float32).reshape(-1, STEPS, FEATURES).copy()
            answer = np.asarray(predict(x)).tobytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            self.wfile.flush()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


def ask(port, body, until, found):
    """Ask again and again; add the number of answers to `found`."""
    connection, count = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE), 0
    try:
        while time.perf_counter() < until:
            connection.request("POST", "/", body)
            connection.getresponse().read()
            count += 1
    except (OSError, http.client.HTTPException):  # it was too late, or an exception ended it
        count = 0
    found.append(count)


def rate(port, rows, clients):
    """Return the requests a second of so many clients; None where one was not answered."""
    body = np.random.default_rng(0).random((rows, STEPS, FEATURES)).astype(np.float32).tobytes()
    found, start = [], time.perf_counter()
    threads = [
        threading.Thread(target=ask, args=(port, body, start + SECONDS, found), daemon=True)
        for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(found) / (time.perf_counter() - start) if all(found) else None


def measured(library):
    """Return a line of the table for each number of rows; a server for each measurement."""
    lines = []
    for rows in ROWS:
        line = [library, str(rows)]
        for clients in CLIENTS:
            command = [sys.executable, "-m", __spec__.name, library]
            with Popen(command, stdout=PIPE, stderr=DEVNULL, text=True) as server:
                try:
                    port = int(server.stdout.readline())
                    ask(port, bytes(4 * rows * STEPS * FEATURES), time.perf_counter() + 0.5, [])
                    found = rate(port, rows, clients)
                finally:
                    server.kill()
            line.append("error" if found is None else f"{found:.0f}")
        lines.append(line)
    return lines


def main():
    """Print the table."""
    there = [one for one in SERVED if one == "nothing" or importlib.util.find_spec(one)]
    head = ["served", "rows a request", *(f"{clients} clients" for clients in CLIENTS)]
    print(table([head, *(line for library in there for line in measured(library))]))


if __name__ == "__main__":
    if sys.argv[1:]:
        serve(sys.argv[1])
    else:
        main()
