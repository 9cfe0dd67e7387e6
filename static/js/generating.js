// Answers as they are written: POST /api/v1/generate with `stream`, one event after another; knows no page.

const ADDRESS = "/api/v1/generate";

/** The answers could not be had, or broke off. `problem` is problem+json; status 0: no answer, or the connection was cut. */
export class GenerationError extends Error {
  constructor(problem) {
    super(problem.detail);
    this.name = "GenerationError";
    this.problem = problem;
  }
}

/**
 * Yields what the stream tells: {type: "piece", index, text, ...}, {type: "answer", index, ...} and at last
 * {type: "end", version, seed}. Aborting `signal` ends the sampling on the server, too: the loop then throws AbortError.
 */
export async function* generate(body, signal) {
  const response = await asked(body, signal);
  if (!response.ok) throw new GenerationError(await problemOf(response));
  let ended = false;
  for await (const event of eventsOf(response.body, signal)) {
    if (event.type === "error") throw new GenerationError(failure(event.error));
    ended ||= event.type === "end";
    yield event;
  }
  if (!ended) throw lost();
}

async function asked(body, signal) {
  const options = {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({ ...body, stream: true }),
    signal,
  };
  try {
    return await fetch(ADDRESS, options);
  } catch (error) {
    throw lostUnlessAborted(error, signal);
  }
}

async function* eventsOf(stream, signal) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  const parse = parser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parse(value);
    }
  } catch (error) {
    throw lostUnlessAborted(error, signal);
  } finally {
    reader.cancel().catch(() => {}); // whoever leaves the loop early leaves the server, too
  }
}

/** Server-sent events (HTML Living Standard, 9.2.6) out of text that is cut anywhere; each with its name as `type`. */
export function parser() {
  let rest = "";
  return (text) => {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop();
    return blocks.map(eventOf).filter((event) => event !== null);
  };
}

function eventOf(block) {
  let type = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) type = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
  }
  return data.length ? { ...JSON.parse(data.join("\n")), type } : null;
}

async function problemOf(response) {
  try {
    const problem = await response.json();
    if (typeof problem.detail === "string") return problem;
  } catch {
    // a proxy's page, say
  }
  return { title: response.statusText, status: response.status, detail: `The server answered ${response.status}.` };
}

const failure = ({ message, type }) => ({ title: type, status: 500, detail: message });

const lost = () =>
  new GenerationError({ title: "No answer", status: 0, detail: "The connection to the server was lost." });

const lostUnlessAborted = (error, signal) => (signal?.aborted ? error : lost());
