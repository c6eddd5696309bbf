// What was built, over http. Behind a proxy that speaks https, `node build` serves it.
import { createServer } from "node:http";
import process from "node:process";

process.env.PROTOCOL_HEADER = "x-forwarded-proto";
const { handler } = await import("./build/handler.js");

const server = createServer((request, response) => {
  request.headers["x-forwarded-proto"] = "http";
  handler(request, response);
});
server.listen(Number(process.env.PORT ?? "3000"), () => {
  console.log(`http://localhost:${server.address().port}`);
});
