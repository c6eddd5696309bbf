// A login with passport: the session keeps who is logged in, and gets another id by it.
import express from "express";
import session from "express-session";
import passport from "passport";
import { Strategy } from "passport-local";

const users = new Map([["ada", { name: "ada", password: "analytical", role: "admin" }]]);

export function createApp() {
  const login = new passport.Passport();
  login.use(
    new Strategy((username, password, done) => {
      const user = users.get(username);
      done(null, user?.password === password ? user : false, { message: "no such user" });
    }),
  );
  login.serializeUser((user, done) => done(null, user.name));
  login.deserializeUser((name, done) => done(null, users.get(name) ?? false));

  const app = express();
  app.use(express.urlencoded({ extended: false }));
  app.use(
    session({
      secret: ["keyboard cat", "an older one"],
      name: "app.sid",
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: 24 * 60 * 60 * 1000, sameSite: "lax" },
    }),
  );
  app.use(login.session());

  app.get("/", (req, res) => res.send(req.user ? `Hello ${req.user.name}` : "Who are you?"));
  app.get("/admin", (req, res) => {
    if (!req.isAuthenticated()) {
      req.session.returnTo = req.originalUrl;
      return res.redirect("/login");
    }
    return res.send(`${req.user.role} area`);
  });
  app.get("/login", (req, res) =>
    res.send(`log in${req.session.messages ? `: ${req.session.messages}` : ""}`),
  );
  app.post(
    "/login",
    login.authenticate("local", { failureRedirect: "/login", failureMessage: true, keepSessionInfo: true }),
    (req, res) => {
      const to = req.session.returnTo ?? "/";
      delete req.session.returnTo;
      res.redirect(to);
    },
  );
  app.post("/logout", (req, res, next) => {
    req.logout((error) => (error ? next(error) : res.redirect("/")));
  });
  return app;
}
