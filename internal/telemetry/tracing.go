package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Tracing sends a tree of spans for each request: the request, the root fields in it, the loaders' batches in those, and the
// statements in any of them. A nil Tracing sends nothing.
type Tracing struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// NewTracing makes a Tracing that exports by OTLP over HTTP, as the OTEL_ variables of the environment say. Spans are kept
// in a bounded queue and sent in the background; those that cannot be sent are dropped, and logged now and then.
func NewTracing(ctx context.Context, version string, logger *slog.Logger, options ...otlptracehttp.Option) (*Tracing, error) {
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("OpenTelemetry: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(),
		resource.WithAttributes(semconv.ServiceName("dossier"), semconv.ServiceVersion(version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OpenTelemetry: %w", err)
	}
	// The SDK has one handler per process for what goes wrong in the background.
	otel.SetErrorHandler(&seldom{logger: logger})
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Tracing{provider: provider, tracer: provider.Tracer("dossier")}, nil
}

// flushTimeout bounds how long a shutdown waits for the last spans to be sent.
const flushTimeout = 3 * time.Second

// Close sends what is left, for as long as that is worth waiting for.
func (t *Tracing) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(fmt.Errorf("the last spans were not sent: %w", err))
	}
}

// errorLogPause is how long the log is spared of the exporter's next failure.
const errorLogPause = time.Minute

// seldom logs what goes wrong in the background. An exporter whose receiver is away fails every few seconds.
type seldom struct {
	logger *slog.Logger
	mu     sync.Mutex
	logged time.Time
}

// Handle logs the error, or drops it.
func (s *seldom) Handle(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.logged.IsZero() || now.Sub(s.logged) >= errorLogPause {
		s.logged = now
		s.logger.Warn("traces are not sent", "error", err.Error())
	}
}

// request starts the span of a request, below the one of whoever sent it.
func (t *Tracing) request(ctx context.Context, header http.Header) (context.Context, trace.Span) {
	if t == nil {
		return ctx, nil
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
	return t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
}

// start starts a span below the context's; it is nil where nothing is traced.
func (r *Request) start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if r == nil || r.span == nil || !r.span.IsRecording() {
		return ctx, nil
	}
	return r.tracing.tracer.Start(ctx, name, options...)
}

// serverFaults are the codes that tell of a failure of the server's, and not of the client's.
var serverFaults = map[string]bool{"INTERNAL": true, "UNAVAILABLE": true, "TIMEOUT": true}

// endRequest ends the span of a request. Like the log it holds no values.
func endRequest(span trace.Span, method string, status int, about About) {
	name := method + " /graphql"
	attributes := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(method), semconv.HTTPRoute("/graphql"), semconv.HTTPResponseStatusCode(status),
		attribute.String("dossier.request.id", about.RequestID),
	}
	if about.Operation != "" {
		name = about.Kind + " " + about.Operation
		attributes = append(attributes,
			semconv.GraphQLOperationTypeKey.String(about.Kind), semconv.GraphQLOperationName(about.Operation))
	}
	span.SetName(name)
	if about.Code != "OK" {
		attributes = append(attributes, semconv.ErrorTypeKey.String(about.Code))
	}
	if serverFaults[about.Code] {
		span.SetStatus(codes.Error, about.Code)
	}
	span.SetAttributes(attributes...)
	span.End()
}

// StartField starts the span of a root field, such as Query.projects.
func StartField(ctx context.Context, field string) (_ context.Context, end func()) {
	ctx, span := RequestFrom(ctx).start(ctx, field)
	if span == nil {
		return ctx, func() {}
	}
	return ctx, func() { span.End() }
}

// startStatement starts the span of a statement, which is of this kind: SELECT.
func (r *Request) startStatement(ctx context.Context, kind string) context.Context {
	ctx, _ = r.start(ctx, kind, trace.WithSpanKind(trace.SpanKindClient))
	return ctx
}

// endStatement ends the span of a statement.
func (r *Request) endStatement(ctx context.Context, kind string, s statement, err error) {
	if r.span == nil || !r.span.IsRecording() {
		return
	}
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(semconv.DBSystemNamePostgreSQL, semconv.DBOperationName(kind), semconv.DBQueryText(Redact(cut(s.text, loggedBytesMax))))
	if s.rows != nil {
		span.SetAttributes(semconv.DBResponseReturnedRows(int(*s.rows)))
	}
	if s.failed {
		span.SetStatus(codes.Error, Reason(err, false))
		span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
	}
	span.End()
}

// endBatch ends the span of a batch.
func endBatch(span trace.Span, b *batch, err error) {
	if span == nil {
		return
	}
	span.SetAttributes(attribute.Int("dossier.batch.parents", b.parents), attribute.Int("dossier.batch.keys", b.keys))
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
