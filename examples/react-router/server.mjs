import { createServer } from "node:http";
import process from "node:process";
import { createRequestListener } from "@react-router/node";

const build = await import("./build/server/index.js");
const server = createServer(createRequestListener({ build, mode: "production" }));
server.listen(Number(process.env.PORT ?? "3000"), () => {
  console.log(`http://localhost:${server.address().port}`);
});
