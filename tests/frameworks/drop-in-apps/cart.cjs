// A shop's cart, in CommonJS and Express 4, with a store class of its own.
const express = require("express4");
const session = require("express-session");

class CartStore extends session.Store {
  carts = new Map();

  get(id, callback) {
    setImmediate(callback, null, this.carts.has(id) ? JSON.parse(this.carts.get(id)) : null);
  }

  set(id, content, callback) {
    this.carts.set(id, JSON.stringify(content));
    setImmediate(callback);
  }

  destroy(id, callback) {
    this.carts.delete(id);
    setImmediate(callback);
  }

  touch(id, content, callback) {
    this.set(id, content, callback);
  }

  length(callback) {
    setImmediate(callback, null, this.carts.size);
  }
}

exports.createApp = () => {
  const store = new CartStore();
  const app = express();
  app.use(express.json());
  app.use(
    session({ store, secret: "keyboard cat", resave: false, saveUninitialized: false, unset: "destroy" }),
  );

  app.use((req, _res, next) => {
    if (!req.session.cart) req.session.cart = { items: {}, total: 0 };
    next();
  });
  app.get("/cart", (req, res) => res.json(req.session.cart));
  app.post("/cart/:item", (req, res) => {
    const { cart } = req.session;
    cart.items[req.params.item] = (cart.items[req.params.item] || 0) + 1;
    cart.total += Number(req.body.price);
    res.status(201).json(cart);
  });
  app.post("/checkout", (req, res) => {
    const { total } = req.session.cart;
    req.session = null;
    res.json({ paid: total });
  });
  app.get("/carts", (req, res, next) => {
    req.sessionStore.length((error, length) => (error ? next(error) : res.json(length)));
  });
  return app;
};
