// Where targets lead in these tests: one server that answers each path the way a test tells it to, 200 until then.

import { once } from "node:events";
import { createServer } from "node:http";

export class Receiver {
  static async start() {
    const receiver = new Receiver();
    receiver.status = new Map();
    receiver.received = [];
    receiver.server = createServer(async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      receiver.received.push({ path: request.url, headers: request.headers, body: Buffer.concat(parts).toString() });
      const { status = 200, answer = "ok" } = receiver.status.get(request.url) ?? {};
      response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(answer);
    });
    receiver.server.listen(0, "127.0.0.1");
    await once(receiver.server, "listening");
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}`;
    return receiver;
  }

  /** From now on `path` answers this. */
  answers(path, status, answer) {
    this.status.set(path, { status, answer });
  }

  async close() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}
