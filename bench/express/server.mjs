// The receiver that Retell's documentation shows: Express and retell-sdk verify the request, take call_analyzed, and forward it.
// MODE=first answers before it forwards, so that nothing is durable; MODE=await answers once both targets have.
import express from "express";
import { verify } from "retell-sdk";

const { RETELL_API_KEY, MODE, TARGETS } = process.env;
const targets = TARGETS.split(",").filter(Boolean);

async function forward(body) {
  const request = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  await Promise.all(targets.map(async (target) => (await fetch(target, request)).arrayBuffer()));
}

const app = express();
app.use(express.json({ limit: "10mb" }));
app.post("/webhook", async (request, response) => {
  const signature = request.headers["x-retell-signature"];
  if (!(await verify(JSON.stringify(request.body), RETELL_API_KEY, signature))) {
    response.status(401).send();
    return;
  }
  if (request.body.event !== "call_analyzed") {
    response.status(204).send();
    return;
  }
  if (MODE === "first") {
    response.status(204).send();
    forward(request.body).catch((error) => console.error(error));
    return;
  }
  await forward(request.body);
  response.status(204).send();
});
const server = app.listen(0, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
