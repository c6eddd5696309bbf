// What applications do with a session of express-session, one thing a route.

const data = (req) => {
  if (!req.session) return "no session";
  const { cookie, ...others } = req.session;
  return JSON.stringify(others);
};

/** The routes by their paths; each is a thing to do. */
export const ACTIONS = {
  "/untouched": (_req, res) => res.send("untouched"),
  "/read": (req, res) => res.send(data(req)),
  "/write": (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1;
    res.send(`views ${req.session.views}`);
  },
  "/write-same": (req, res) => {
    req.session.same = "same";
    res.send("same");
  },
  "/nested": (req, res) => {
    req.session.list ??= [];
    req.session.list.push("ü €");
    res.json(req.session.list);
  },
  "/login": (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      req.session.user = "Ada";
      return res.redirect("/read");
    });
  },
  "/login-saved": (req, res, next) => {
    req.session.regenerate(() => {
      req.session.user = "Bob";
      req.session.save((error) => (error ? next(error) : res.redirect("/read")));
    });
  },
  "/logout": (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.send(`out, ${typeof req.session}`)));
  },
  "/logout-careless": (req, res) => {
    req.session.destroy(() => {});
    res.send("out");
  },
  "/delete": (req, res) => {
    delete req.session;
    res.send("deleted");
  },
  "/null": (req, res) => {
    req.session = null;
    res.send("null");
  },
  "/save": (req, res) => {
    req.session.saved = (req.session.saved ?? 0) + 1;
    req.session.save((error) => res.send(`saved ${error ?? ""}`));
  },
  "/save-and-change": (req, res) => {
    req.session.saved = (req.session.saved ?? 0) + 1;
    req.session.save(() => {
      req.session.late = req.session.saved;
      res.send("saved and changed");
    });
  },
  "/save-untouched": (req, res) => req.session.save(() => res.send("saved")),
  "/reload": (req, res) => {
    req.session.lost = "by reload";
    req.session.reload((error) => res.send(error ? error.message : data(req)));
  },
  "/reload-and-change": (req, res) => {
    req.session.reload((error) => {
      if (!error) req.session.reloaded = (req.session.reloaded ?? 0) + 1;
      res.send(error ? error.message : data(req));
    });
  },
  "/touch": (req, res) => {
    req.session.touch();
    res.send("touched");
  },
  "/longer": (req, res) => {
    req.session.cookie.maxAge = 7_200_000;
    res.send(`for ${req.session.cookie.maxAge}, at first ${req.session.cookie.originalMaxAge}`);
  },
  "/for-the-browser": (req, res) => {
    req.session.cookie.expires = false;
    res.send("for the browser");
  },
  "/date": (req, res) => {
    req.session.cookie.expires = new Date(Date.now() + 1_000_000);
    req.session.dated = true;
    res.send(`${req.session.cookie.maxAge} of ${req.session.cookie.originalMaxAge}`);
  },
  "/cookie": (req, res) => {
    const { cookie } = req.session;
    res.json([cookie, cookie.expires, cookie.maxAge, cookie.originalMaxAge, cookie.serialize("a", "b c")]);
  },
  "/ids": (req, res) => res.json([req.sessionID, req.session?.id, req.session && Object.keys(req.session)]),
  "/another-id": (req, res) => {
    req.sessionID = "chosen";
    req.session.chosen = true;
    res.send("chosen");
  },
  "/no-id": (req, res) => {
    req.sessionID = () => {};
    req.session.never = "stored";
    res.send("no id");
  },
  "/stream": (req, res) => {
    req.session.streamed = (req.session.streamed ?? 0) + 1;
    res.write("first ");
    res.write("second ");
    req.session.late = "after the headers";
    res.end("last");
  },
  "/stream-length": (req, res) => {
    req.session.streamed = (req.session.streamed ?? 0) + 1;
    res.setHeader("Content-Length", "12");
    res.write("hello, ");
    res.end("world");
  },
  "/flushed": (req, res) => {
    req.session.flushed = true;
    res.flushHeaders();
    res.end("flushed");
  },
  "/end": (req, res) => {
    req.session.ended = (req.session.ended ?? 0) + 1;
    res.end();
  },
  "/end-text": (req, res) => {
    req.session.ended = (req.session.ended ?? 0) + 1;
    res.end("ended");
  },
  "/end-null": (_req, res) => res.end(null),
  "/end-bytes": (req, res) => {
    req.session.bytes = true;
    res.setHeader("Content-Length", "3");
    res.end(Buffer.from("abc"));
  },
  "/end-encoded": (req, res) => {
    req.session.encoded = true;
    res.end("616263", "hex");
  },
  "/end-twice": (req, res) => {
    req.session.twice = true;
    res.end("once");
    res.end("twice");
  },
  "/empty-length": (req, res) => {
    req.session.empty = true;
    res.setHeader("Content-Length", "0");
    res.end();
  },
  "/head": (req, res) => {
    req.session.heads = (req.session.heads ?? 0) + 1;
    res.writeHead(202, { "X-Own": "1" });
    res.end("accepted");
  },
  "/head-message": (req, res) => {
    req.session.heads = (req.session.heads ?? 0) + 1;
    res.writeHead(201, "Made", { "X-Own": "2", "Set-Cookie": "theirs=1" });
    res.end("made");
  },
  "/head-array": (req, res) => {
    req.session.heads = (req.session.heads ?? 0) + 1;
    res.writeHead(200, ["X-Own", "3", "Set-Cookie", "theirs=2"]);
    res.end("array");
  },
  "/no-content": (req, res) => {
    req.session.empty = true;
    res.status(204).end();
  },
  "/cookies": (req, res) => {
    req.session.cookies = true;
    res.cookie("one", "1");
    res.cookie("two", "2");
    res.send("cookies");
  },
  "/throws": (req) => {
    req.session.half = "done";
    throw new Error("of the handler");
  },
  "/next-error": (req, _res, next) => {
    req.session.half = "done";
    next(new Error("of the handler"));
  },
  "/missing": (_req, _res, next) => next(),
  "/methods-are-safe": (req, res) => {
    res.json([Object.keys(req.session), JSON.stringify(Object.keys(Object.getPrototypeOf(req.session)))]);
  },
  "/store": (req, res) => {
    req.sessionStore.get(req.sessionID, (error, content) =>
      res.json([error ?? null, content?.views ?? null]),
    );
  },
  "/load": (req, res) => {
    req.sessionStore.load(req.sessionID, (error, session) => {
      res.json([error ?? null, session?.views ?? null, session?.id ?? null]);
    });
  },
};

export function routesOf(app) {
  for (const [path, action] of Object.entries(ACTIONS)) app.all(path, action);
}
