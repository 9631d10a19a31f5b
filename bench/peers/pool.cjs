// A pool of npm's `workerpool`. Arguments: workers, bytes to hash, seconds to warm up, seconds to measure.
const { createHash } = require("node:crypto");
const workerpool = require("workerpool");

const BLOCK = Buffer.from(Array.from({ length: 64 << 10 }, (_, at) => at % 251));

function task(size) {
  const sha = createHash("sha256");
  for (; size > 0; size -= BLOCK.length) sha.update(size >= BLOCK.length ? BLOCK : BLOCK.subarray(0, size));
  return { answer: sha.digest().subarray(0, 8).toString("hex"), pid: process.pid };
}

// Four tasks for each worker on their way, for so long: how many a second, and the last answer.
async function drive(pool, workers, size, seconds) {
  const start = performance.now();
  const pids = new Set();
  let done = 0;
  let answer;
  async function lane() {
    while (performance.now() < start + seconds * 1e3) {
      const told = await pool.exec("task", [size]);
      answer = told.answer;
      pids.add(told.pid);
      done += 1;
    }
  }
  await Promise.all(Array.from({ length: 4 * workers }, lane));
  return { rate: done / ((performance.now() - start) / 1e3), answer, pids: [...pids] };
}

async function main([workers, size, warmUp, measured]) {
  const pool = workerpool.pool(__filename, { workerType: "process", minWorkers: workers, maxWorkers: workers });
  await drive(pool, workers, size, warmUp);
  console.log(JSON.stringify(await drive(pool, workers, size, measured)));
  for await (const _ of process.stdin);
  await pool.terminate();
}

if (!workerpool.isMainThread) workerpool.worker({ task });
else if (process.argv[2] !== "--probe") main(process.argv.slice(2).map(Number));
