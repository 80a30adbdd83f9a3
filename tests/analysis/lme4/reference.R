# Makes reference.json (and, given a replica, replica.json) with lme4 and ordinal:
#   apt-get install r-cran-lme4 r-cran-ordinal r-cran-jsonlite
#   python tests/analysis/lme4/cases.py && Rscript tests/analysis/lme4/reference.R
#   python tests/analysis/lme4/replica.py REPLICA OUT.csv &&
#     Rscript tests/analysis/lme4/reference.R OUT.csv
# The packages are no dependency of the project; only their numbers are kept.
suppressPackageStartupMessages({library(lme4); library(ordinal); library(jsonlite)})
folder <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
types <- c("plain lm", "context distillation", "rejection sampling", "rlhf")

read <- function(path) {
  data <- read.csv(path)
  data$size <- factor(data$num_params, intersect(c("2.7B", "13B", "52B"), data$num_params))
  data$type <- factor(data$model_type, intersect(types, data$model_type))
  data$ordered <- factor(data$rating, ordered = TRUE)
  data$member <- factor(data$member, sort(unique(data$member)))
  data
}
arms <- function(data) if (nlevels(data$size) > 1) "size * type" else "type"
model <- function(outcome, data, ...)
  reformulate(c(arms(data), "description", "mturk", ..., "(1 | member)"), outcome)

tight <- lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14, maxeval = 10000),
                     check.conv.singular = "ignore")
linear <- function(formula, data, reml) {
  fit <- lmer(formula, data, REML = reml, control = tight)
  modes <- ranef(fit, condVar = TRUE)$member
  list(names = names(fixef(fit)), coefficients = unname(fixef(fit)),
       se = unname(sqrt(diag(as.matrix(vcov(fit))))), sigma = sigma(fit),
       sd_member = attr(VarCorr(fit)$member, "stddev")[[1]],
       log_likelihood = as.numeric(logLik(fit)), modes = modes[, 1],
       mode_variances = as.numeric(attr(modes, "postVar")))
}
cumulative <- function(formula, data, nodes) {
  fit <- clmm(formula, data = data, nAGQ = nodes, link = "logit",
              control = clmm.control(gradTol = 1e-6, maxIter = 500))
  p <- length(fit$alpha) + length(fit$beta)
  se <- sqrt(diag(solve(fit$Hessian)))[1:p]
  list(names = names(fit$beta), thresholds = unname(fit$alpha), coefficients = unname(fit$beta),
       se = unname(se), sd_member = attr(VarCorr(fit)$member, "stddev")[[1]],
       log_likelihood = as.numeric(logLik(fit)))
}
# Where the maximum lies at no variance, clmm's Hessian is singular; clm is that very model.
fixed <- function(data) {
  fit <- clm(reformulate(c(arms(data), "description", "mturk"), "ordered"), data = data)
  list(names = names(fit$beta), thresholds = unname(fit$alpha), coefficients = unname(fit$beta),
       se = unname(sqrt(diag(vcov(fit)))), sd_member = 0,
       log_likelihood = as.numeric(logLik(fit)))
}
write <- function(value, name)
  write_json(value, file.path(folder, name), digits = 10, auto_unbox = TRUE, pretty = FALSE)

given <- commandArgs(trailingOnly = TRUE)
if (length(given)) {
  data <- read(given[1])
  small <- data[ave(data$score, data$member, FUN = length) < 100, ]
  write(list(score = linear(model("score", data), data, TRUE),
             score_rating = linear(model("score", data, "rating"), data, TRUE),
             rating = linear(model("rating", data), data, TRUE),
             # clmm's quadrature underflows with members of 1,000 attacks; its Laplace does not.
             laplace = cumulative(model("ordered", data), data, 1),
             ordinal_small = cumulative(model("ordered", small), small, 10)), "replica.json")
} else {
  found <- list()
  for (path in sort(list.files(folder, "csv$", full.names = TRUE))) {
    name <- sub(".csv", "", basename(path))
    data <- read(path)
    case <- list(reml = linear(model("score", data), data, TRUE),
                 ml = linear(model("score", data), data, FALSE),
                 with_rating = linear(model("score", data, "rating"), data, TRUE))
    if (name == "boundary") case$ordinal <- fixed(data)
    else if (name != "empty_cell") {
      case$ordinal <- cumulative(model("ordered", data), data, 10)
      case$laplace <- cumulative(model("ordered", data), data, 1)
    }
    found[[name]] <- case
  }
  write(found, "reference.json")
}
