// Notes with messages for the next page, as connect-flash keeps them, and a CSRF token of the session's own.
import { randomBytes } from "node:crypto";
import flash from "connect-flash";
import express from "express";
import session from "express-session";

export function createApp() {
  const app = express();
  app.set("trust proxy", 1);
  app.use(express.json());
  app.use(
    session({
      secret: "keyboard cat",
      resave: true,
      saveUninitialized: true,
      rolling: true,
      cookie: { secure: "auto", maxAge: 60_000 },
    }),
  );
  app.use(flash());
  app.use((req, res, next) => {
    req.session.token ??= randomBytes(8).toString("hex");
    if (req.method === "GET" || req.get("x-csrf-token") === req.session.token) return next();
    return res.status(403).json({ error: "token" });
  });

  app.get("/", (req, res) => {
    res.json({ notes: req.session.notes ?? [], messages: req.flash("info"), token: req.session.token });
  });
  app.post("/notes", (req, res) => {
    if (typeof req.body.text !== "string") {
      req.flash("info", "a note needs a text");
      return res.redirect(303, "/");
    }
    req.session.notes = [...(req.session.notes ?? []), req.body.text];
    req.flash("info", "kept");
    req.flash("info", `${req.session.notes.length} by now`);
    return req.session.save((error) => {
      if (error) throw error;
      res.redirect(303, "/");
    });
  });
  app.post("/forget", (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      req.flash("info", "forgotten");
      return res.redirect(303, "/");
    });
  });
  return app;
}
